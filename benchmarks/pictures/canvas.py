"""Canvases of 5 to 4096 px a side filled to the last pixel, beside the original's way of doing it.

`drawn`: from nothing to the full picture as a PNG file, in a process of its own (best of three); its ns/px
are of CPU time. `job`: POST /api/canvas with a snapshot every 10 %, until `job.finished` is pushed: ten PNGs,
each stored and made into a `web` copy and two thumbnails. Memory is the largest resident size, with all of
the interpreter; of the worker, its largest process so far. `colours`: counted in the last snapshot.
"""

from __future__ import annotations

import base64
import io
import multiprocessing
import tempfile
import time
from collections.abc import Callable
from typing import Any

import httpx
import numpy as np
import psutil
from PIL import Image

from benchmarks.peers import original_canvas
from benchmarks.support.home import new_home
from benchmarks.support.resident import peak
from benchmarks.support.table import show
from processing.imaging.canvas.canvas import Canvas
from processing.imaging.canvas.pingpong import one_more
from tests.stack import Stack

SIDES = [5, 10, 56, 128, 256, 512, 1024, 2048, 3000, 4072, 4096]
REPORTED = {56: "13 s", 128: "2 min 54 s", 256: "17 min", 512: "memory leak"}
FLAT_FROM = 256
TURN_BY_TURN = 56


def run() -> None:
    with Stack(new_home(), {"LOG_LEVEL": "WARNING"}) as stack:
        headers = {"Authorization": f"Bearer {stack.token}"}
        with httpx.Client(base_url=stack.url, headers=headers, timeout=120) as client:
            _job(client, 64)
            rows = [_row(stack, client, side) for side in SIDES]
    job = ["job, 10 snapshots", "us/px", "worker MB", "colours"]
    show(
        ["px", "original reported", "drawn", "ns/px", "peak MB", *job],
        [row for row, _ in rows],
    )
    flat = [per_pixel for side, (_, per_pixel) in zip(SIDES, rows, strict=True) if side >= FLAT_FROM]
    print(f"Drawn, from {FLAT_FROM} px: slowest by the pixel / fastest = {max(flat) / min(flat):.2f}\n")
    _turn_by_turn()


def _row(stack: Stack, client: httpx.Client, side: int) -> tuple[list[str], float]:
    with multiprocessing.get_context("spawn").Pool(1) as alone:
        seconds, cpu, megabytes = alone.apply(_drawn, (side,))
    job_seconds, colors = _job(client, side)
    pixels = side * side
    row = [
        f"{side} x {side}",
        REPORTED.get(side, "memory leak" if side > 512 else "-"),
        f"{seconds:.4f} s",
        f"{cpu / pixels * 1e9:.0f}",
        f"{megabytes:.0f}",
        f"{job_seconds:.2f} s",
        f"{job_seconds / pixels * 1e6:.2f}",
        f"{_worker_peak(stack):.0f}",
        f"{colors:,} of {pixels:,}",
    ]
    return row, cpu / pixels


def _drawn(side: int) -> tuple[float, float, float]:
    """Seconds, seconds of CPU, MB of this process at its largest."""
    rounds = max(1, (1 << 18) // (side * side))
    times = []
    for _ in range(3):
        started, used = time.perf_counter(), time.process_time()
        for seed in range(rounds):
            with tempfile.TemporaryFile() as file:
                Canvas(side, side, seed).write_png(file, 100)
        times.append(((time.perf_counter() - started) / rounds, (time.process_time() - used) / rounds))
    seconds, cpu = map(min, zip(*times, strict=True))
    return seconds, cpu, peak(psutil.Process())


def _job(client: httpx.Client, side: int) -> tuple[float, int]:
    """Seconds to `job.finished`, and how many different colours the last snapshot has."""
    started = time.perf_counter()
    answer = client.post("/api/canvas", json={"width": side, "height": side, "granular": 10})
    answer.raise_for_status()
    job = answer.json()["id"]
    events: list[dict[str, Any]] = []
    while not events or events[-1]["type"] != "job.finished":
        since = events[-1]["seq"] if events else 0
        params = {"since": since, "wait": 30}
        events += client.get(f"/api/jobs/{job}/events", params=params).json()["events"]
    seconds = time.perf_counter() - started
    done = [event["job"]["completed"] for event in events]
    assert done == [*range(1, 11), 10], f"the progress pushed is not monotonic: {done}"
    [last] = events[-2]["images"]
    return seconds, _colors(client.get(last["original_url"]).content)


def _colors(data: bytes) -> int:
    used = np.zeros(1 << 24, np.bool_)
    pixels = np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))
    for row in pixels:
        wide = row.astype(np.uint32)
        used[wide[:, 0] << 16 | wide[:, 1] << 8 | wide[:, 2]] = True
    return int(np.count_nonzero(used))


def _worker_peak(stack: Stack) -> float:
    """MB at the largest of the worker's processes so far."""
    workers = [p for p in stack.processes() if "worker" in p.cmdline() and "celery" in p.cmdline()]
    return max(peak(process) for process in workers)


def _turn_by_turn() -> None:
    """The same game, turn by turn, both without HTTP."""
    rng = np.random.default_rng()

    def ours(file: str) -> tuple[str, float]:
        step = one_more(base64.b64decode(file), rng)
        return base64.b64encode(step.data or b"").decode(), step.progression

    players = {"the original's way": original_canvas.ping, "/ping and /pong": ours}
    rows = [_played(name, player) for name, player in players.items()]
    head = [f"{TURN_BY_TURN} x {TURN_BY_TURN}, pixel by pixel", "s", "us a turn", "colours"]
    show(head, rows)


def _played(name: str, player: Callable[[str], tuple[str, float]]) -> list[str]:
    started = time.perf_counter()
    file = original_canvas.fill(TURN_BY_TURN, player, player)
    seconds = time.perf_counter() - started
    pixels = TURN_BY_TURN**2
    return [
        name,
        f"{seconds:.2f}",
        f"{seconds / pixels * 1e6:.0f}",
        f"{_colors(base64.b64decode(file)):,} of {pixels:,}",
    ]
