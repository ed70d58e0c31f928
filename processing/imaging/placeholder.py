"""The blurred picture of some 25 bytes that is shown before the real one.

The ThumbHash algorithm by Evan Wallace, https://evanw.github.io/thumbhash/ , for opaque pictures.
"""

from __future__ import annotations

from base64 import b64encode
from functools import lru_cache

import numpy as np
from PIL import Image

from processing.imaging.pixels.geometry import fit_within

_LUMINANCE_TERMS = 7
_LARGEST_SIDE = 100

# Rows: luminance, yellow-blue, red-green.
_TO_LPQ = np.array([[1 / 3, 1 / 3, 1 / 3], [0.5, 0.5, -1], [1, -1, 0]]) / 255


def thumbhash(image: Image.Image) -> str:
    """Base64 of the ThumbHash of an opaque image; one above 100 px is made smaller first."""
    size = fit_within(*image.size, max_width=_LARGEST_SIDE, max_height=_LARGEST_SIDE)
    small = image.convert("RGB") if image.mode != "RGB" else image
    small = small if size == image.size else small.resize(size, Image.Resampling.BOX)
    return thumbhash_of_pixels(np.asarray(small))


def thumbhash_of_pixels(pixels: np.ndarray) -> str:
    """Base64 of the ThumbHash of an array of shape (height, width, 3) in 0..255, at most 100 px a side."""
    height, width, _ = pixels.shape
    channels = np.moveaxis(pixels @ _TO_LPQ.T, 2, 0)
    spectra = _cosines(height, 7) @ channels @ _cosines(width, 7).T
    terms_x = max(1, _round(_LUMINANCE_TERMS * width / max(width, height)))
    terms_y = max(1, _round(_LUMINANCE_TERMS * height / max(width, height)))
    luminance = _encode(spectra[0], max(3, terms_x), max(3, terms_y))
    yellow, red = _encode(spectra[1], 3, 3), _encode(spectra[2], 3, 3)
    shorter = terms_y if width > height else terms_x
    header = _header(luminance[:2], yellow[:2], red[:2], shorter, is_landscape=width > height)
    nibbles = np.concatenate((luminance[2], yellow[2], red[2]))
    return b64encode(header + _packed(nibbles)).decode()


@lru_cache(maxsize=256)
def _cosines(length: int, terms: int) -> np.ndarray:
    """The first rows of the discrete cosine transform, shape (terms, length), as means."""
    positions = (np.arange(length) + 0.5) * (np.pi / length)
    return np.cos(np.arange(terms)[:, None] * positions) / length


@lru_cache(maxsize=64)
def _triangle(terms_x: int, terms_y: int) -> tuple[np.ndarray, np.ndarray]:
    """Row and column of each kept term, in the order of the format; the first is the mean."""
    kept = [(y, x) for y in range(terms_y) for x in range(terms_x) if x * terms_y < terms_x * (terms_y - y)]
    rows, columns = zip(*kept, strict=True)
    return np.array(rows), np.array(columns)


def _encode(spectrum: np.ndarray, terms_x: int, terms_y: int) -> tuple[float, float, np.ndarray]:
    """Mean, scale and the other terms as numbers 0..15."""
    terms = spectrum[_triangle(terms_x, terms_y)]
    waves = terms[1:]
    scale = float(np.abs(waves).max())
    normal = 0.5 + 0.5 / scale * waves if scale else waves
    return float(terms[0]), scale, np.floor(15 * normal + 0.5).astype(np.uint8)


def _header(
    luminance: tuple[float, float],
    yellow: tuple[float, float],
    red: tuple[float, float],
    shorter: int,
    *,
    is_landscape: bool,
) -> bytes:
    first = (
        _round(63 * luminance[0])
        | _round(31.5 + 31.5 * yellow[0]) << 6
        | _round(31.5 + 31.5 * red[0]) << 12
        | _round(31 * luminance[1]) << 18
    )
    second = shorter | _round(63 * yellow[1]) << 3 | _round(63 * red[1]) << 9 | is_landscape << 15
    return first.to_bytes(3, "little") + second.to_bytes(2, "little")


def _packed(nibbles: np.ndarray) -> bytes:
    even = np.append(nibbles, 0) if len(nibbles) % 2 else nibbles
    return (even[0::2] | even[1::2] << 4).astype(np.uint8).tobytes()


def _round(value: float) -> int:
    return int(value + 0.5)
