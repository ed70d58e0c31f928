"""Which colour space a picture says it is in, by whatever means its format has."""

from __future__ import annotations

import math
import struct
from typing import Any

from PIL import ExifTags, Image

from processing.imaging.pixels.color_spaces import ADOBE_RGB, SRGB, Point, Space, from_cicp, profile
from processing.imaging.pixels.orientation import exif_of

_UNSPECIFIED = 2
_EXIF_SRGB = 1
_ADOBE_BY_DCF = "R03"
# Formats whose header may hold a gamma and the corners of the colour space.
_DESCRIBING = ("PNG", "BMP", "DIB", "TIFF")

# Gamma of nearly 1/2.2 is what programs write that mean sRGB.
_USUAL_GAMMA, _NEARLY = 0.45455, 0.011
_SANE_GAMMA = (0.1, 5.0)
_MOVED = 0.003


def declared_profile(image: Image.Image) -> bytes | None:
    """The ICC profile of the picture, or one made from what stands in its place; None for sRGB.

    The order in which they count is that of PNG's third edition (4.3) and of HEIF: in a PNG cICP comes before
    a profile; elsewhere a profile comes first.
    """
    cicp = image.info.get("cicp")
    embedded = image.info.get("icc_profile")
    if embedded and not (cicp and image.format == "PNG"):
        return bytes(embedded)
    space = from_cicp(*cicp) if cicp and _says_something(cicp) else _otherwise(image)
    return (
        profile(space, "L" if image.mode in ("1", "L", "LA", "La", "I;16", "I", "F") else "RGB")
        if space
        else None
    )


def _says_something(cicp: tuple[int, int]) -> bool:
    return any(number not in (0, _UNSPECIFIED) for number in cicp)


def _otherwise(image: Image.Image) -> Space | None:
    if image.format in _DESCRIBING and image.info.keys() & {"srgb", "gamma", "chromaticity"}:
        return None if "srgb" in image.info else _of_points(image.info)
    return ADOBE_RGB if _is_adobe_by_exif(image) else None


def _of_points(info: dict[Any, Any]) -> Space | None:
    """From gAMA and cHRM, or what other formats have in their place.

    sRGB stands for the one that is missing, and for values that nobody means.
    """
    gamma, points = info.get("gamma"), info.get("chromaticity")
    curve = SRGB.curve
    if gamma and abs(gamma - _USUAL_GAMMA) > _NEARLY and _SANE_GAMMA[0] <= 1 / gamma <= _SANE_GAMMA[1]:
        curve = str(1 / gamma)
    usual = (SRGB.white, SRGB.red, SRGB.green, SRGB.blue)
    corners = _corners(points, usual) if points and len(points) == 8 else usual
    space = Space(*corners, curve)
    return None if space == SRGB else space


Corners = tuple[Point, Point, Point, Point]


def _corners(points: tuple[float, ...], usual: Corners) -> Corners:
    """White, red, green and blue; the usual ones where these are nearly the same, or none at all."""
    white, red, green, blue = pairs = tuple(zip(points[::2], points[1::2], strict=True))
    moved = max(math.dist(pair, other) for pair, other in zip(pairs, usual, strict=True))
    (rx, ry), (gx, gy), (bx, by) = red, green, blue
    area = abs((gx - rx) * (by - ry) - (bx - rx) * (gy - ry)) / 2
    sane = area > 0.01 and pairs[0][1] > 0.05 and all(0 <= x + y <= 1.01 for x, y in pairs)
    return (white, red, green, blue) if sane and moved > _MOVED else usual


def _is_adobe_by_exif(image: Image.Image) -> bool:
    try:
        exif = exif_of(image)
        index = exif.get_ifd(ExifTags.IFD.Interop).get(1)
        space = exif.get_ifd(ExifTags.IFD.Exif).get(ExifTags.Base.ColorSpace)
    except (SyntaxError, ValueError, LookupError, TypeError, OverflowError, struct.error, OSError):
        return False
    return isinstance(index, str) and index.strip("\0 ") == _ADOBE_BY_DCF and space != _EXIF_SRGB
