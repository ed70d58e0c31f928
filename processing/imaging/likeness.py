"""The perceptual hash: pictures that look alike have hashes that differ in few bits.

The DCT hash after Zauner, "Implementation and Benchmarking of Perceptual Image Hash Functions" (2010): the 64
lowest frequencies of the picture in 32 x 32 greys, each a bit that says whether it is above their median.
"""

from __future__ import annotations

import numpy as np
from PIL import Image

from processing.imaging.pixels.flat import on_ground

_SIDE, _TERMS = 32, 8
# Greys whose standard deviation is below this show nothing that one could be like.
_FLAT = 1.5
_COSINES = np.cos(np.arange(_TERMS)[:, None] * (np.arange(_SIDE) + 0.5) * (np.pi / _SIDE))


def perceptual_hash(sample: Image.Image) -> int | None:
    """64 bits of a small RGB or RGBA picture, its lowest frequency first; None for a flat one."""
    small = on_ground(sample, "white").convert("L").resize((_SIDE, _SIDE), Image.Resampling.LANCZOS)
    greys = np.asarray(small, np.float64)
    if greys.std() < _FLAT:
        return None
    spectrum = (_COSINES @ greys @ _COSINES.T).ravel()
    bits = np.packbits(spectrum > np.median(spectrum))
    return int.from_bytes(bits.tobytes(), "big")
