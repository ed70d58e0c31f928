"""Pictures of known colours, and what is near a colour, said again without any index or NumPy."""

from __future__ import annotations

import math
from typing import Any

from tests.feed.people import stripes


def striped(wanted: list[str]) -> bytes:
    """A PNG of upright stripes of these colours (`#rrggbb`), unlike every other one made here."""
    return stripes((80, 40), wanted)


def lab(color: str) -> list[float]:
    """OKLab from sRGB, said again by Ottosson's formulas, a colour at a time."""
    encoded = [value / 255 for value in bytes.fromhex(color.removeprefix("#"))]
    red, green, blue = (v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in encoded)
    long = (0.4122214708 * red + 0.5363325363 * green + 0.0514459929 * blue) ** (1 / 3)
    medium = (0.2119034982 * red + 0.6806995451 * green + 0.1073969566 * blue) ** (1 / 3)
    short = (0.0883024619 * red + 0.2817188376 * green + 0.6299787005 * blue) ** (1 / 3)
    return [
        0.2104542553 * long + 0.7936177850 * medium - 0.0040720468 * short,
        1.9779984951 * long - 2.4285922050 * medium + 0.4505937099 * short,
        0.0259040371 * long + 0.7827717662 * medium - 0.8086757660 * short,
    ]


def matches(image: dict[str, Any], asked: list[str], distance: float) -> bool:
    there = [lab(color["hex"]) for color in image["colors"]]
    return all(any(math.dist(lab(color), place) <= distance for place in there) for color in asked)
