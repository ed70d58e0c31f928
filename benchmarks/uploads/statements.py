"""SQL statements and Redis commands for each 1,000 images, all counted.

The database's own log and Redis' own counters, for all processes of the service, from the first byte sent
until the client that follows the jobs by socket has heard of the last image. `idle` is what a second of
doing nothing costs.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from benchmarks.support.client import connect, distinct, finish, photos, upload
from benchmarks.support.home import new_home
from benchmarks.support.table import show
from tests.e2e.test_thousand import log_statements, statements
from tests.faults.driver import redis_of
from tests.stack import Stack

COUNT = 1000
WAYS = {
    "batch, one request": ("/api/async/batch/upload", COUNT),
    "batch, requests of 100": ("/api/async/batch/upload", 100),
    "multi, one request": ("/api/async/upload", COUNT),
}
# Redis counts at once, the database's log is read from a pipe.
_LOG_SECONDS = 1.0
_IDLE_SECONDS = 10.0
_SHOWN = 12


@dataclass(frozen=True)
class Asked:
    """What a stretch of `seconds` has cost."""

    seconds: float
    sql: Counter[str]
    every_sql: int
    redis: Counter[str]


def run() -> None:
    with Stack(new_home(), {"IMAGEAPI_WORKERS": "2"}) as stack:
        log_statements(stack.home)
        drawn = photos(40, 400, 300)
        _send(stack, "/api/async/batch/upload", distinct(drawn, 64, "warm"), 64)
        idle = asked(stack, lambda: time.sleep(_IDLE_SECONDS))
        found = {
            way: asked(stack, lambda: _send(stack, path, distinct(drawn, COUNT, way), size))  # noqa: B023
            for way, (path, size) in WAYS.items()
        }
    _tell(found, idle)


def _send(stack: Stack, path: str, files: list[bytes], size: int) -> None:
    with connect(stack) as client:
        jobs = [upload(client, path, files[start : start + size]) for start in range(0, len(files), size)]
    for job in jobs:
        finish(stack, job)


def asked(stack: Stack, act: Callable[[], None]) -> Asked:
    time.sleep(_LOG_SECONDS)
    line, before = len(stack.output.splitlines()), _commands(stack)
    began = time.monotonic()
    act()
    seconds = time.monotonic() - began
    commands = _commands(stack) - before
    time.sleep(_LOG_SECONDS)
    written = stack.output.splitlines()[line:]
    every = sum(text.startswith("postgres") and "LOG:  statement:" in text for text in written)
    return Asked(seconds, statements(stack, line), every, commands)


def _commands(stack: Stack) -> Counter[str]:
    """Calls so far by command; those of a Lua script are counted beside the call of the script."""
    with redis_of(stack) as client:
        stats = client.info("commandstats")
    assert isinstance(stats, dict)
    return Counter({name.removeprefix("cmdstat_"): int(stat["calls"]) for name, stat in stats.items()})


def _tell(found: dict[str, Asked], idle: Asked) -> None:
    print(f"Seconds: {', '.join(f'{way} {asked.seconds:.1f}' for way, asked in found.items())}\n")
    ways = list(found.values())
    rows = _rows([asked.sql for asked in ways], idle.sql, idle.seconds)
    *begun, rest = [asked.every_sql - asked.sql.total() for asked in (*ways, idle)]
    rows.append(["begin, commit, settings", *begun, f"{rest / idle.seconds:.1f}"])
    rows += _sums([asked.every_sql for asked in ways], idle.every_sql / idle.seconds)
    _show("SQL", found, rows)
    rows = _rows([asked.redis for asked in ways], idle.redis, idle.seconds)
    rows += _sums([asked.redis.total() for asked in ways], idle.redis.total() / idle.seconds)
    _show("Redis", found, rows)


def _show(what: str, found: dict[str, Asked], rows: list[list[object]]) -> None:
    show([f"{what} for {COUNT:,} images", *found, "idle, a second"], rows)


def _sums(counts: list[int], idle: float) -> list[list[object]]:
    return [["all", *counts, f"{idle:.1f}"], ["an image", *(f"{count / COUNT:.3f}" for count in counts), ""]]


def _rows(ways: list[Counter[str]], idle: Counter[str], seconds: float) -> list[list[object]]:
    """The most frequent by name, the others together."""
    named = [name for name, _ in sum(ways, Counter()).most_common(_SHOWN)]
    rows: list[list[object]] = [
        [name, *(way[name] for way in ways), f"{idle[name] / seconds:.1f}"] for name in named
    ]
    *others, rest = [way.total() - sum(way[name] for name in named) for way in (*ways, idle)]
    return [*rows, ["others", *others, f"{rest / seconds:.1f}"]]
