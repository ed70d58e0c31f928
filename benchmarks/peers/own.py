"""The other limit: our own pixels alone, in a pool, apart from everything around them."""

from __future__ import annotations

import io
import multiprocessing.pool
import time
from collections.abc import Sequence

from processing.imaging import make
from processing.imaging.recipes import DEFAULTS

_RECIPES = DEFAULTS


def chain(data: bytes) -> int:
    """What a worker makes of an image of the first plans, in bytes."""
    made = make(io.BytesIO(data), _RECIPES, max_pixels=10**9)
    return sum(len(rendition.data) for rendition in made.renditions)


def seconds(pool: multiprocessing.pool.Pool, photos: Sequence[bytes]) -> float:
    """Wall-clock time over all photos, in a pool that is already warm."""
    started = time.perf_counter()
    pool.map(chain, photos, chunksize=4)
    return time.perf_counter() - started
