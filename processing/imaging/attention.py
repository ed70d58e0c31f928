"""What people look at first in a picture: edges, strong colours, skin.

The measures are those of libvips' smartcrop (https://www.libvips.org/API/current/method.Image.smartcrop.html),
which has them from smartcrop.js; the arithmetic is ours.
"""

from __future__ import annotations

import numpy as np
from PIL import Image

from processing.imaging.pixels.geometry import Size

_SIDE = 32
# The direction of skin in XYZ.
_SKIN = np.array((0.78, 0.57, 0.44))
_EDGE_WEIGHT = 5.0
# Darker than this (of 100) nothing is told apart.
_DARK = 5.0
_TO_XYZ = 100 * np.array(((0.4124, 0.3576, 0.1805), (0.2126, 0.7152, 0.0722), (0.0193, 0.1192, 0.9505)))
_WHITE = np.array((95.05, 100.0, 108.9))


def focus_of(sample: Image.Image, shown: Size, whole: Size) -> tuple[float, float]:
    """The middle (0 to 1 both ways) of what a crop `shown` of the `whole` picture should keep.

    `sample` is the picture in RGB or RGBA, of any size; what is transparent draws no eye.
    """
    small = sample.convert("RGBA").resize((_SIDE, _SIDE), Image.Resampling.BOX)
    pixels = np.asarray(small, np.float64)
    scores = _scores(pixels[..., :3] / 255) * (pixels[..., 3] / 255)
    width, height = (_SIDE * part / side for part, side in zip(shown, whole, strict=True))
    blurred = _blurred(scores, max(1.0, float(np.hypot(width, height)) / 10))
    row, column = np.unravel_index(int(blurred.argmax()), blurred.shape)
    return (float(column) + 0.5) / _SIDE, (float(row) + 0.5) / _SIDE


def _scores(colors: np.ndarray) -> np.ndarray:
    """Shape (height, width) for sRGB of 0 to 1 in shape (height, width, 3)."""
    linear = np.where(colors <= 0.04045, colors / 12.92, ((colors + 0.055) / 1.055) ** 2.4)
    xyz = linear @ _TO_XYZ.T
    seen = xyz[..., 1] > _DARK
    return _EDGE_WEIGHT * _edges(xyz[..., 1]) + seen * (_skin(xyz) + _redness(xyz))


def _edges(light: np.ndarray) -> np.ndarray:
    padded = np.pad(light, 1, mode="edge")
    around = padded[:-2, 1:-1] + padded[2:, 1:-1] + padded[1:-1, :-2] + padded[1:-1, 2:]
    return np.abs(4 * light - around)


def _skin(xyz: np.ndarray) -> np.ndarray:
    """100 for the very direction of skin, less and less away from it."""
    length = np.maximum(np.linalg.norm(xyz, axis=2, keepdims=True), 1e-6)
    return 100 - 100 * np.linalg.norm(xyz / length - _SKIN, axis=2)


def _redness(xyz: np.ndarray) -> np.ndarray:
    """a* of CIELAB: warm colours draw the eye, green and blue leave it."""
    root = np.cbrt(xyz / _WHITE)
    return 500 * (root[..., 0] - root[..., 1])


def _blurred(scores: np.ndarray, sigma: float) -> np.ndarray:
    places = np.arange(-_SIDE, _SIDE + 1)
    bell = np.exp(-(places**2) / (2 * sigma**2))
    bell /= bell.sum()
    padded = np.pad(scores, _SIDE, mode="edge")
    across = np.apply_along_axis(np.convolve, 1, padded, bell, "valid")
    return np.apply_along_axis(np.convolve, 0, across, bell, "valid")
