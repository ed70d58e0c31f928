"""The colour space that the first directory of a TIFF describes without a profile.

WhitePoint, PrimaryChromaticities and TransferFunction: TIFF 6.0, section 20.
"""

from __future__ import annotations

import math
from typing import Any

from processing.imaging.pixels.color_spaces import D65
from processing.imaging.reading.tiff import header as tags
from processing.imaging.reading.tiff.header import TiffHeader

_SAME = 0.1


def colors_of(header: TiffHeader) -> dict[str, Any]:
    """`chromaticity` and `gamma` as Pillow has those of a PNG; `unread_profile` where they can't be told."""
    found: dict[str, Any] = {}
    primaries = _fractions(header, tags.PRIMARIES)
    if len(primaries) == 6:
        white = _fractions(header, tags.WHITE)
        found["chromaticity"] = (*(white if len(white) == 2 else D65), *primaries)
    exponents = _exponents(header.tags.get(tags.TRANSFER, ()), 1 << header.one(tags.BITS, 1))
    if exponents:
        if max(exponents) - min(exponents) > _SAME:
            return {"unread_profile": True}
        found["gamma"] = 1 / exponents[len(exponents) // 2]
    return found


def _fractions(header: TiffHeader, tag: int) -> tuple[float, ...]:
    """Nothing where one of them has no value."""
    pairs = [divmod(number, 1 << 32) for number in header.tags.get(tag, ())]
    parts = [pair if header.order == ">" else pair[::-1] for pair in pairs]
    return tuple(over / under for over, under in parts) if all(under for _over, under in parts) else ()


def _exponents(table: tuple[int, ...], steps: int) -> list[float]:
    """Of each curve in the table, by the light at its middle; none for a table that is no such curve."""
    if len(table) not in (steps, 3 * steps) or steps < 4:
        return []
    curves = [table[start : start + steps] for start in range(0, len(table), steps)]
    middle = steps // 2
    lights = [curve[middle] / curve[-1] if curve[-1] else 0.0 for curve in curves]
    if not all(0 < light < 1 for light in lights):
        return []
    return [math.log(light) / math.log(middle / (steps - 1)) for light in lights]
