"""Upload requests with no worker running, beside the same server only reading the same bodies.

And beside what no server gets round that answers for bytes on the disk: the same files hashed, written and
synced by as many threads as the service has, and renamed, by a program that does nothing else.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import statistics
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import psutil

from benchmarks.support.client import distinct, photos
from benchmarks.support.cpu import cpu_seconds
from benchmarks.support.table import show
from benchmarks.support.web import web_only

FILES, REQUESTS, ROUNDS = 100, 5, 5
Cost = tuple[float, float]


def run() -> None:
    with web_only() as web:
        _compare(httpx.Client(base_url=web.url, timeout=60), web.process, web.home)


def _compare(client: httpx.Client, web: psutil.Process, home: Path) -> None:
    drawn = photos(40, 800, 1200)
    ways: dict[str, Callable[[list[bytes]], Cost]] = {
        "only read (/bare)": lambda files: _round(client, web, "/bare", files),
        "only hashed, written, synced": lambda files: _to_disk(home / "bare", files),
        "taken in (/api/async/batch/upload)": lambda files: _round(
            client, web, "/api/async/batch/upload", files
        ),
    }
    rounds = [
        [way(distinct(drawn, FILES * REQUESTS, f"{name}{turn}")) for name, way in ways.items()]
        for turn in range(ROUNDS + 1)
    ]
    del rounds[0]
    rows = []
    for name, figures in zip(ways, zip(*rounds, strict=True), strict=True):
        wall, cpu = (1000 * statistics.median(column) for column in zip(*figures, strict=True))
        rows.append([name, f"{1000 / wall:.0f}", f"{wall:.2f}", f"{cpu:.2f}"])
    show(["request of 100 photos", "files/s", "ms a file", "CPU ms a file"], rows)
    to_read = statistics.median(ours / read for (read, _), _, (ours, _) in rounds)
    to_both = statistics.median(ours / (read + disk) for (read, _), (disk, _), (ours, _) in rounds)
    print(f"Wall: {to_read:.1f} x only reading, {to_both:.1f} x reading and the disk.")


def _to_disk(folder: Path, files: list[bytes]) -> Cost:
    """Wall and CPU seconds a file of what a file costs that is safe when it is answered for."""
    folder.mkdir(exist_ok=True)
    cpu, started = time.process_time(), time.perf_counter()
    with ThreadPoolExecutor(8) as disk:
        for start in range(0, len(files), FILES):
            list(disk.map(_keep, files[start : start + FILES], [folder] * FILES))
    return (time.perf_counter() - started) / len(files), (time.process_time() - cpu) / len(files)


def _keep(data: bytes, folder: Path) -> None:
    partial = folder / secrets.token_hex(8)
    with partial.open("xb", buffering=0) as file:
        hashlib.sha256(data)
        file.write(data)
        os.fsync(file.fileno())
    partial.replace(partial.with_suffix(".kept"))


def _round(client: httpx.Client, web: psutil.Process, path: str, files: list[bytes]) -> Cost:
    """Wall and CPU seconds a file; the bodies are encoded before the clock runs."""
    requests = []
    for start in range(0, len(files), FILES):
        named = [("images", (f"{n}.jpg", data)) for n, data in enumerate(files[start : start + FILES])]
        request = client.build_request("POST", path, files=named)
        request.read()
        requests.append(request)
    cpu = cpu_seconds([web])
    started = time.perf_counter()
    for request in requests:
        client.send(request).raise_for_status()
    wall = time.perf_counter() - started
    return wall / len(files), (cpu_seconds([web]) - cpu) / len(files)
