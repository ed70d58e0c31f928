"""sRGB to OKLab, where equal distances look equal.

Formulas by Björn Ottosson, https://bottosson.github.io/posts/oklab/ ; the sRGB curve from IEC 61966-2-1.
"""

from __future__ import annotations

import numpy as np

_TO_CONES = np.array(
    [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
).T
_TO_LAB = np.array(
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ]
).T


def oklab(colors: np.ndarray) -> np.ndarray:
    """sRGB of shape (n, 3), 0..255, as OKLab of the same shape: lightness 0..1, two axes of -0.4..0.4."""
    encoded = colors / 255
    linear = np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)
    return np.cbrt(linear @ _TO_CONES) @ _TO_LAB
