"""Photos in batch requests, first byte sent to last image committed, beside the pixels alone.

Ours and the bare chain in turn, on the same photos in memory, with as many processes as workers; medians.
"""

from __future__ import annotations

import multiprocessing
import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import httpx

from benchmarks import plain
from benchmarks.table import show
from tests.drawing import photo
from tests.stack import Stack

WORKERS = 2
ROUNDS = 3
REQUEST = 100
SIZES = {"800x1200": (800, 1200, 300), "1920x1200": (1920, 1200, 100), "18 MP": (5184, 3456, 20)}


def run() -> None:
    with (
        tempfile.TemporaryDirectory(prefix="bench-") as folder,
        Stack(Path(folder) / "home", {"IMAGEAPI_WORKERS": str(WORKERS), "LOG_LEVEL": "WARNING"}) as stack,
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
    photos = [photo(n, width, height) for n in range(min(count, 40))]
    ours, bare = [], []
    _ours(stack, _distinct(photos, 8, "warm"))
    plain.seconds(pool, photos[:8])
    for turn in range(ROUNDS):
        these = _distinct(photos, count, f"{name}{turn}")
        bare.append(plain.seconds(pool, these))
        ours.append(_ours(stack, these))
    ratios = [a / b for a, b in zip(ours, bare, strict=True)]
    a, b = statistics.median(ours), statistics.median(bare)
    ratio = f"{statistics.median(ratios):.2f} ({min(ratios):.2f}-{max(ratios):.2f})"
    return [name, str(count), f"{a:.2f}", f"{count / a:.0f}", f"{b:.2f}", f"{count / b:.0f}", ratio]


def _distinct(photos: Sequence[bytes], count: int, salt: str) -> list[bytes]:
    """`count` files with checksums of their own: bytes after a JPEG's end change no pixel."""
    return [photos[n % len(photos)] + f"{salt}{n}".encode() for n in range(count)]


def _ours(stack: Stack, photos: Sequence[bytes]) -> float:
    headers = {"Authorization": f"Bearer {stack.token}"}
    started = time.perf_counter()
    with httpx.Client(base_url=stack.url, headers=headers, timeout=120) as client:
        jobs = []
        for start in range(0, len(photos), REQUEST):
            files = [("images", (f"{n}.jpg", data)) for n, data in enumerate(photos[start : start + REQUEST])]
            answer = client.post("/api/async/batch/upload", files=files)
            answer.raise_for_status()
            jobs.append(answer.json()["job_id"])
        for job in jobs:
            _wait(client, job)
    return time.perf_counter() - started


def _wait(client: httpx.Client, job: str) -> None:
    seq = 0
    while True:
        answer = client.get(f"/api/jobs/{job}/events", params={"since": seq, "wait": 20}).json()
        seq = answer["seq"]
        if any(event["type"] == "job.finished" for event in answer["events"]):
            return
