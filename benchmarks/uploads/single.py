"""Latency of single uploads at 1 and 8 clients, beside the pixels of the same photo alone."""

from __future__ import annotations

import http.client
import statistics
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

from benchmarks.peers import plain
from benchmarks.support.client import connect, distinct, photos
from benchmarks.support.home import new_home
from benchmarks.support.table import show
from tests.stack import Stack

ROUNDS = 60


def run() -> None:
    drawn = photos(20, 800, 1200)
    chain = statistics.median(_timed(plain.chain, data) for data in drawn * 3)
    rows = [["the pixels alone", 1, f"{chain:.1f}", "", "", ""]]
    with Stack(new_home(), {"LOG_LEVEL": "WARNING"}) as stack:
        for path, field in (("/api/upload", "image"), ("/api/async/upload", "images")):
            for clients in (1, 8):
                times = _latencies(stack, path, field, drawn, clients)
                cut = statistics.quantiles(times, n=100)
                above = f"+{cut[49] - chain:.1f}" if path == "/api/upload" else ""
                rows.append([path, clients, *(f"{cut[n]:.1f}" for n in (49, 94, 98)), above])
    show(["request", "clients", "p50 ms", "p95", "p99", "above the pixels"], rows)


def _timed(act: object, *args: object) -> float:
    started = time.perf_counter()
    act(*args)  # type: ignore[operator]
    return (time.perf_counter() - started) * 1000


def _latencies(stack: Stack, path: str, field: str, drawn: list[bytes], clients: int) -> list[float]:
    """By the barest client, its bodies put together before the clock runs: what it takes is not ours."""

    def work(number: int) -> list[float]:
        times = []
        bare = http.client.HTTPConnection("127.0.0.1", stack.port)
        with connect(stack) as client, closing(bare):
            for data in distinct(drawn, ROUNDS + 5, f"{path}{clients}-{number}-"):
                request = client.build_request("POST", path, files=[(field, ("a.jpg", data))])
                body, headers = request.read(), dict(request.headers)
                started = time.perf_counter()
                bare.request("POST", path, body, headers)
                answer = bare.getresponse()
                text = answer.read()
                times.append((time.perf_counter() - started) * 1000)
                assert answer.status < 300, text
        return times[5:]

    with ThreadPoolExecutor(clients) as pool:
        return [each for times in pool.map(work, range(clients)) for each in times]
