"""Each way of sending the same photos, beside our own pixels bare in a pool of as many processes.

And beside plain Pillow. Wall time, client included, in turn, medians of three rounds; and what the processor
spends on an image above its pixels, all processes of the service counted.
"""

from __future__ import annotations

import http.client
import multiprocessing.pool
import statistics
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import NamedTuple

import psutil

from benchmarks.peers import own, plain
from benchmarks.support.client import connect, distinct, finish, photos, upload
from benchmarks.support.cpu import cpu_seconds
from benchmarks.support.home import new_home
from benchmarks.support.table import show, spread
from tests.stack import Stack

WORKERS, ROUNDS, CLIENTS, REQUEST = 2, 3, 8, 100
SIZES = {"800x1200": (800, 1200, 300), "18 MP": (5184, 3456, 16)}


class Cost(NamedTuple):
    """Seconds by the clock, and of the processor."""

    seconds: float
    cpu: float


def run() -> None:
    env = {"IMAGEAPI_WORKERS": str(WORKERS), "LOG_LEVEL": "WARNING"}
    with Stack(new_home(), env) as stack, multiprocessing.get_context("spawn").Pool(WORKERS) as pool:
        rows = [row for name, size in SIZES.items() for row in _measure(name, stack, pool, size)]
    head = ["photos", "way", "s", "own chain s", "ratio (min-max)", "to plain Pillow"]
    show([*head, "CPU ms an image", "above the pixels"], rows)


def _measure(
    name: str, stack: Stack, pool: multiprocessing.pool.Pool, size: tuple[int, int, int]
) -> list[list[str]]:
    width, height, count = size
    drawn = photos(min(count, 40), width, height)
    ways: dict[str, Callable[[Stack, Sequence[bytes]], float]] = {
        "batch": _batch,
        "multi": _multi,
        f"single, {CLIENTS} clients": _single,
    }
    for warm in ways.values():
        warm(stack, distinct(drawn, 8, f"warm{warm.__name__}"))
    own.seconds(pool, drawn[:8])
    taken: dict[str, list[Cost]] = {way: [] for way in ways}
    bare: list[Cost] = []
    pillow: list[Cost] = []
    here, service = psutil.Process(), psutil.Process(stack.process.pid if stack.process else None)
    for turn in range(ROUNDS):
        bare.append(_costs(here, lambda: own.seconds(pool, distinct(drawn, count, ""))))
        pillow.append(_costs(here, lambda: plain.seconds(pool, distinct(drawn, count, ""))))
        for way, act in ways.items():
            files = distinct(drawn, count, f"{name}{way}{turn}")
            taken[way].append(_costs(service, lambda: act(stack, files)))  # noqa: B023
    return [[name, way, *_figures(count, costs, bare, pillow)] for way, costs in taken.items()]


def _costs(parent: psutil.Process, act: Callable[[], float]) -> Cost:
    """What an act takes by the clock, and of the processor in the children of a process, in seconds."""
    before = cpu_seconds(parent.children(recursive=True))
    seconds = act()
    return Cost(seconds, cpu_seconds(parent.children(recursive=True)) - before)


def _figures(count: int, costs: list[Cost], bare: list[Cost], pillow: list[Cost]) -> list[str]:
    times = [cost.seconds for cost in costs]
    ratios = [ours.seconds / chain.seconds for ours, chain in zip(costs, bare, strict=True)]
    plainly = statistics.median(ours.seconds / them.seconds for ours, them in zip(costs, pillow, strict=True))
    ours = statistics.median(cost.cpu for cost in costs)
    return [
        f"{statistics.median(times):.2f}",
        f"{statistics.median(chain.seconds for chain in bare):.2f}",
        spread(ratios),
        f"{plainly:.2f}",
        *(f"{1000 * cpu / count:.1f}" for cpu in (ours, ours - statistics.median(each.cpu for each in bare))),
    ]


def _batch(stack: Stack, files: Sequence[bytes]) -> float:
    return _in_requests(stack, "/api/async/batch/upload", files)


def _multi(stack: Stack, files: Sequence[bytes]) -> float:
    return _in_requests(stack, "/api/async/upload", files)


def _in_requests(stack: Stack, path: str, files: Sequence[bytes]) -> float:
    started = time.perf_counter()
    with connect(stack) as client:
        starts = range(0, len(files), REQUEST)
        for job in [upload(client, path, files[start : start + REQUEST]) for start in starts]:
            finish(stack, job)
    return time.perf_counter() - started


def _single(stack: Stack, files: Sequence[bytes]) -> float:
    """Each client sends its part one after another; bodies are put together before the clock runs."""
    with connect(stack) as client:
        requests = [
            client.build_request("POST", "/api/upload", files=[("image", ("a.jpg", data))]) for data in files
        ]
        ready = [(request.read(), dict(request.headers)) for request in requests]

    def send(part: Sequence[tuple[bytes, dict[str, str]]]) -> None:
        with closing(http.client.HTTPConnection("127.0.0.1", stack.port)) as bare:
            for body, headers in part:
                bare.request("POST", "/api/upload", body, headers)
                answer = bare.getresponse()
                text = answer.read()
                assert answer.status == 200, text

    started = time.perf_counter()
    with ThreadPoolExecutor(CLIENTS) as pool:
        list(pool.map(send, [ready[n::CLIENTS] for n in range(CLIENTS)]))
    return time.perf_counter() - started
