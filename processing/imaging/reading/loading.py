"""Decoding, with what decoders leave out or get wrong."""

from __future__ import annotations

from typing import BinaryIO

import numpy as np
from PIL import Image

from processing.imaging.errors import ImageFailed
from processing.imaging.reading.formats import open_image
from processing.imaging.reading.jpeg_ending import lacks_pixels

_SIXTEEN_BITS = "RGB;16B"


def load(image: Image.Image, file: BinaryIO) -> Image.Image:
    """The pixels of a picture opened from `file`, in any mode. Raises ImageFailed where some are missing."""
    if image.format == "PNG" and "transparency" in image.info and image.tile[0].args == _SIXTEEN_BITS:  # type: ignore[attr-defined]
        return _sixteen_bits_with_one_clear_color(image, file)
    image.load()
    if image.format in ("JPEG", "MPO") and lacks_pixels(image, file):
        raise ImageFailed("truncated", "The file ends before the picture does.")
    if image.format == "BMP" and image.mode == "RGBA" and image.getchannel("A").getextrema() == (0, 0):
        # Written by programs that leave the fourth byte at zero and mean nothing by it.
        return image.convert("RGB")
    return image


def _sixteen_bits_with_one_clear_color(image: Image.Image, file: BinaryIO) -> Image.Image:
    """In RGBA. The clear colour has 16 bits a channel, Pillow gives one half of them at a time."""
    clear = np.array(image.info["transparency"], np.uint16)
    with open_image(file) as again:
        again.tile = [tile._replace(args="RGB;16L") for tile in again.tile]  # type: ignore[attr-defined]
        low = np.asarray(again)
    with open_image(file) as first:
        high = np.asarray(first)
    opaque = ((high != clear >> 8) | (low != clear & 255)).any(axis=2)
    rgba = Image.fromarray(high, "RGB")
    rgba.putalpha(Image.fromarray(opaque.astype(np.uint8) * 255, "L"))
    return rgba
