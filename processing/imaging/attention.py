"""What people look at first in a picture: edges, strong colours, skin.

The measures are those of libvips' smartcrop (https://www.libvips.org/API/current/method.Image.smartcrop.html),
which has them from smartcrop.js; the arithmetic is ours.
"""

from __future__ import annotations

import numpy as np
from PIL import Image

from processing.imaging.oklab import oklab
from processing.imaging.pixels.geometry import Size

_SIDE = 32
_SKIN = np.array((0.78, 0.57, 0.44))
_SKIN_WEIGHT, _EDGE_WEIGHT, _COLOR_WEIGHT = 1.8, 2.0, 1.0
# Darker than this (of 1) nothing is told apart.
_DARK = 0.05


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
    light = colors @ np.array((0.2126, 0.7152, 0.0722))
    seen = light > _DARK
    lab = oklab(colors.reshape(-1, 3) * 255).reshape(colors.shape)
    chroma = np.hypot(lab[..., 1], lab[..., 2]) / 0.3
    return _EDGE_WEIGHT * _edges(light) + seen * (_SKIN_WEIGHT * _skin(colors) + _COLOR_WEIGHT * chroma)


def _edges(light: np.ndarray) -> np.ndarray:
    padded = np.pad(light, 1, mode="edge")
    around = padded[:-2, 1:-1] + padded[2:, 1:-1] + padded[1:-1, :-2] + padded[1:-1, 2:]
    return np.abs(4 * light - around)


def _skin(colors: np.ndarray) -> np.ndarray:
    """1 for the very direction of skin in RGB, 0 from a little beside it."""
    length = np.maximum(np.linalg.norm(colors, axis=2, keepdims=True), 1e-6)
    away = np.linalg.norm(colors / length - _SKIN / np.linalg.norm(_SKIN), axis=2)
    return np.clip(1 - away / 0.2, 0, 1)


def _blurred(scores: np.ndarray, sigma: float) -> np.ndarray:
    places = np.arange(-_SIDE, _SIDE + 1)
    bell = np.exp(-(places**2) / (2 * sigma**2))
    bell /= bell.sum()
    padded = np.pad(scores, _SIDE, mode="edge")
    across = np.apply_along_axis(np.convolve, 1, padded, bell, "valid")
    return np.apply_along_axis(np.convolve, 0, across, bell, "valid")
