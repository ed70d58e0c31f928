"""Turning a picture upright as its EXIF orientation says.

Orientation values: Exif 2.32, tag 0x0112.
"""

from __future__ import annotations

import struct

from PIL import ExifTags, Image

_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_QUARTER_TURNS = frozenset((5, 6, 7, 8))

# These decoders hand out pixels that are upright already; their EXIF still says how they once lay.
_TURNED_BY_DECODER = frozenset(("TIFF", "HEIF"))

UPRIGHT = 1


def orientation_of(image: Image.Image) -> int:
    """The EXIF orientation (1 to 8) that is still to be applied; 1 where there is none or it is broken."""
    if "orientation" in image.info:
        return image.info["orientation"] if image.info["orientation"] in _TURNS else UPRIGHT
    if image.format in _TURNED_BY_DECODER or not image.info.get("exif"):
        return UPRIGHT
    try:
        orientation = exif_of(image).get(ExifTags.Base.Orientation)
    except (SyntaxError, ValueError, LookupError, TypeError, OverflowError, struct.error):
        return UPRIGHT
    return orientation if orientation in _TURNS else UPRIGHT


def exif_of(image: Image.Image) -> Image.Exif:
    """Raises whatever broken Exif makes Pillow raise.

    Not `getexif`: it decodes a PNG that has none, and believes an orientation in XMP, which browsers do not.
    """
    if image.format == "TIFF":
        return image.getexif()
    exif = Image.Exif()
    exif.load(image.info.get("exif") or b"")
    return exif


def swapped(size: tuple[int, int], orientation: int) -> tuple[int, int]:
    """`size` after the turn; the same formula leads back."""
    return size[::-1] if orientation in _QUARTER_TURNS else size


def upright(image: Image.Image, orientation: int) -> Image.Image:
    turn = _TURNS.get(orientation)
    return image if turn is None else image.transpose(turn)
