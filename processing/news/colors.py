"""Colours near each other, by their distance in OKLab, and the cells that find them.

The space is cut into cells 0.1 wide each way: lightness into 10, each of the two other axes into 10 from -0.5
on. A cell's number has one decimal digit for each (`processing_color_cell` in the database). What lies within
a distance of a colour lies in one of the cells that a ball round it touches. An index entry has its colour's
place along: ten bits each of lightness and the two other axes (`processing_color_place`).
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from processing.imaging.oklab import oklab

if TYPE_CHECKING:
    from collections.abc import Sequence

DEFAULT_DISTANCE, MOST_DISTANCE, MOST_COLORS = 0.1, 0.5, 5
_WIDTH = 0.1
# The database and this module may round differently at the edge of a cell.
_MARGIN = 1e-9
# A place is that far from its colour, at most: half a step of 1/1023 and twice half a step of 0.8/1023.
_ROUNDED = 0.001
_HEX = re.compile(r"#?[0-9A-Fa-f]{6}")
_CORNERS = np.stack(np.meshgrid(np.arange(10), np.arange(10), np.arange(10), indexing="ij"), -1).reshape(
    -1, 3
)
_LOW = (_CORNERS - [0, 5, 5]) * _WIDTH


def parse(text: object) -> str | None:
    """`RRGGBB` with or without its `#` as `#rrggbb`; None for anything else."""
    if not isinstance(text, str) or not _HEX.fullmatch(text):
        return None
    return "#" + text[-6:].lower()


def places(colors: Sequence[str]) -> np.ndarray:
    """Colours as `#rrggbb` in OKLab: (n, 3)."""
    rgb = np.array([list(bytes.fromhex(color[1:])) for color in colors], np.float64)
    return oklab(rgb.reshape(-1, 3))


def are_near(wanted: np.ndarray, there: np.ndarray, distance: float) -> bool:
    """Whether each colour of `wanted` (n, 3) has one of `there` (m, 3) within `distance`."""
    if not len(there):
        return False
    apart = np.linalg.norm(wanted[:, None] - there[None], axis=2)
    return bool((apart.min(axis=1) <= distance).all())


@lru_cache(1024)
def cells(color: str, distance: float) -> list[int]:
    """The cells that hold whatever lies within `distance` of a colour (`#rrggbb`)."""
    (place,) = places([color])
    apart = np.maximum(np.maximum(_LOW - place, place - (_LOW + _WIDTH)), 0)
    touched = np.linalg.norm(apart, axis=1) <= distance + _MARGIN
    return [int(number) for number in _CORNERS[touched] @ [100, 10, 1]]


@lru_cache(1024)
def home(color: str) -> int:
    """The cell that a colour (`#rrggbb`) lies in; at an edge one of those that meet there."""
    return min(cells(color, 0.0))


@lru_cache(1024)
def ball_of(color: str, distance: float) -> tuple[float, float, float, float]:
    """A colour in OKLab, and the square of a distance to a place within which all that is near enough lies.

    In the order in which `processing_places_apart` and its bound want them.
    """
    (place,) = places([color])
    lightness, a, b = map(float, place)
    return lightness, a, b, (distance + _ROUNDED) ** 2
