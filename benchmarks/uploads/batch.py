"""Photos in batch requests, first byte sent to last image committed, beside the pixels alone.

Ours and the bare chain in turn, on the same photos in memory, with as many processes as workers; medians.
"""

from __future__ import annotations

import multiprocessing
import statistics
import time
from collections.abc import Sequence

from benchmarks.peers import plain
from benchmarks.support.client import connect, distinct, finish, photos, upload
from benchmarks.support.home import new_home
from benchmarks.support.table import show, spread
from tests.stack import Stack

WORKERS = 2
ROUNDS = 3
REQUEST = 100
SIZES = {"800x1200": (800, 1200, 300), "1920x1200": (1920, 1200, 100), "18 MP": (5184, 3456, 20)}


def run() -> None:
    with (
        Stack(new_home(), {"IMAGEAPI_WORKERS": str(WORKERS), "LOG_LEVEL": "WARNING"}) as stack,
        multiprocessing.get_context("spawn").Pool(WORKERS) as pool,
    ):
        rows = [_measure(name, stack, pool, size) for name, size in SIZES.items()]
    show(
        ["photos", "count", "ours s", "photos/s", "bare chain s", "photos/s", "ratio (min-max)"],
        rows,
    )


def _measure(
    name: str, stack: Stack, pool: multiprocessing.pool.Pool, size: tuple[int, int, int]
) -> list[str]:
    width, height, count = size
    drawn = photos(min(count, 40), width, height)
    ours, bare = [], []
    _ours(stack, distinct(drawn, 8, "warm"))
    plain.seconds(pool, drawn[:8])
    for turn in range(ROUNDS):
        these = distinct(drawn, count, f"{name}{turn}")
        bare.append(plain.seconds(pool, these))
        ours.append(_ours(stack, these))
    ratios = [a / b for a, b in zip(ours, bare, strict=True)]
    a, b = statistics.median(ours), statistics.median(bare)
    return [name, str(count), f"{a:.2f}", f"{count / a:.0f}", f"{b:.2f}", f"{count / b:.0f}", spread(ratios)]


def _ours(stack: Stack, files: Sequence[bytes]) -> float:
    started = time.perf_counter()
    with connect(stack) as client:
        jobs = [
            upload(client, "/api/async/batch/upload", files[start : start + REQUEST])
            for start in range(0, len(files), REQUEST)
        ]
        for job in jobs:
            finish(stack, job)
    return time.perf_counter() - started
