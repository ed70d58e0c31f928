"""The canvas: white, then filled pixel by pixel, each with a colour that no other pixel has.

Every state of it follows from its size, its seed and the number of pixels coloured so far: nothing is kept,
nothing depends on the state before, and any worker can draw any of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from processing.imaging.canvas.permutation import Permutation
from processing.imaging.canvas.png_writer import write_png

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

MAX_SIDE = 4096
COLORS = 1 << 24
WHITE = COLORS - 1
SEEDS = 1 << 63

# Pixels worked on at once: what they need stays in the processor's cache, which is 15 times faster.
_BAND = 1 << 16


@dataclass(frozen=True)
class Canvas:
    """`width` and `height` are 1..4096 px; `seed`, 0..2**63-1, decides the order and the colours."""

    width: int
    height: int
    seed: int

    def __post_init__(self) -> None:
        if not (1 <= self.width <= MAX_SIDE and 1 <= self.height <= MAX_SIDE):
            raise ValueError(f"A canvas is 1 to {MAX_SIDE} pixels wide and high.")

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Canvas:
        return cls(data["width"], data["height"], data["seed"])

    @property
    def pixels(self) -> int:
        return self.width * self.height

    @cached_property
    def _turn(self) -> Permutation:
        """By position, row by row: which pixel in order it is."""
        return Permutation(self.pixels, self.seed, "turn")

    @cached_property
    def _color(self) -> Permutation:
        return Permutation(COLORS, self.seed, "color")

    def coloured_at(self, percent: int) -> int:
        """Pixels coloured when `percent` is first reached: a part of a pixel takes a whole one."""
        return -(-self.pixels * percent // 100)

    def colors(self, turns: np.ndarray) -> np.ndarray:
        """The colours (0xRRGGBB, uint32) of the pixels whose turns (from 0) are `turns`.

        White has the last turn of all: no canvas but a full one of 4096 x 4096 uses it.
        """
        last = np.uint32(COLORS - 1)
        colors = self._color(turns)
        colors[colors == WHITE] = self._color(np.array([last]))[0]
        colors[turns == last] = WHITE
        return colors

    def rows(self, top: int, bottom: int, coloured: int) -> np.ndarray:
        """The rows from `top` to before `bottom` after `coloured` pixels: (rows, width, 3) uint8."""
        turns = self._turn(np.arange(top * self.width, bottom * self.width, dtype=np.uint32))
        colors = np.where(turns < coloured, self.colors(turns), np.uint32(WHITE))
        channels = colors.astype(">u4").view(np.uint8).reshape(bottom - top, self.width, 4)
        return channels[..., 1:]

    def bands(self, coloured: int) -> Iterator[np.ndarray]:
        """The whole canvas after `coloured` pixels, a few rows at a time."""
        step = max(1, _BAND // self.width)
        for top in range(0, self.height, step):
            yield self.rows(top, min(top + step, self.height), coloured)

    def write_png(self, file: BinaryIO, percent: int) -> None:
        """The canvas as it is at `percent`, as a PNG; the same bytes every time with the same zlib."""
        write_png(file, self.width, self.height, self.bands(self.coloured_at(percent)))


def percentages(granular: int) -> list[int]:
    """When snapshots are kept: every `granular` per cent (1..100), and at the end.

    `percentages(30) == [30, 60, 90, 100]`
    """
    return sorted({*range(granular, 100, granular), 100})
