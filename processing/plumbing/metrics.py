"""Numbers of the whole installation, added up in Redis by every process that has some.

Workers have no port to be asked at, pool processes come and go, worker hosts are anywhere: so each process
adds its differences to one hash, once a second, from a thread of its own. Where Redis is away they wait;
where it is emptied the counters start anew, which Prometheus understands.
"""

from __future__ import annotations

import os
import threading
import time
from collections import defaultdict
from functools import cache
from typing import NamedTuple

import redis

from processing.plumbing.redis_client import connect

KEY = "imageapi:metrics"
BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, float("inf"))
_EVERY = 1.0
DONE = "imageapi_images_total"
_SLOT, _RECENT = 5, 60  # seconds


class Series(NamedTuple):
    """A number's name and labels, as one text: `imageapi_images_total;status=completed`."""

    name: str
    labels: tuple[tuple[str, str], ...]

    def __str__(self) -> str:
        return ";".join((self.name, *(f"{key}={value}" for key, value in self.labels)))

    @classmethod
    def parse(cls, text: str) -> Series:
        name, *labels = text.split(";")
        return cls(name, tuple((key, value) for key, _, value in (label.partition("=") for label in labels)))


class _Tally:
    """One process's differences on their way to Redis."""

    def __init__(self) -> None:
        self._waiting: defaultdict[Series, float] = defaultdict(float)
        self._lock = threading.Lock()
        self._some = threading.Event()
        threading.Thread(target=self._send_always, name="metrics", daemon=True).start()

    def add(self, changes: dict[Series, float]) -> None:
        with self._lock:
            for series, value in changes.items():
                self._waiting[series] += value
        self._some.set()

    def _send_always(self) -> None:
        while True:
            self._some.wait()
            time.sleep(_EVERY)
            self._some.clear()
            self.send()

    def send(self) -> None:
        with self._lock:
            sending, self._waiting = self._waiting, defaultdict(float)
        try:
            with _redis().pipeline(transaction=True) as pipe:
                for series, value in sending.items():
                    pipe.hincrbyfloat(KEY, str(series), value)
                if done := sum(value for series, value in sending.items() if series.name == DONE):
                    slot = f"{KEY}:done:{int(time.time() // _SLOT)}"
                    pipe.incrby(slot, int(done))
                    pipe.expire(slot, 2 * _RECENT)
                pipe.execute()
        except redis.RedisError:
            self.add(sending)


@cache
def _tally(_pid: int) -> _Tally:
    return _Tally()


@cache
def _redis() -> redis.Redis:
    return connect()


def _series(name: str, labels: dict[str, str]) -> Series:
    return Series(name, tuple(sorted(labels.items())))


def add(name: str, value: float = 1.0, **labels: str) -> None:
    """Raises a counter. Never waits, never fails. Labels are our own words: no `;` in them."""
    _tally(os.getpid()).add({_series(name, labels): value})


def observe(name: str, seconds: float, **labels: str) -> None:
    """Enters a duration into a histogram."""
    bucket = next(edge for edge in BUCKETS if seconds <= edge)
    _tally(os.getpid()).add(
        {
            _series(name, {**labels, "le": str(bucket)}): 1.0,
            _series(f"{name}_sum", labels): seconds,
        }
    )


def read() -> dict[Series, float]:
    """All numbers added so far by all processes. Raises RedisError."""
    found: dict[bytes, bytes] = _redis().hgetall(KEY)  # type: ignore[assignment]
    return {Series.parse(name.decode()): float(value) for name, value in found.items()}


def recent_rate() -> float:
    """Images that reached a final state a second, in the last minute or since the first of them in it.

    Raises RedisError.
    """
    now = time.time()
    slots = range(int((now - _RECENT) // _SLOT) + 1, int(now // _SLOT) + 1)
    found = _redis().mget([f"{KEY}:done:{slot}" for slot in slots])
    counts = {slot: int(count) for slot, count in zip(slots, found, strict=True) if count}
    return sum(counts.values()) / max(now - min(counts) * _SLOT, 1.0) if counts else 0.0
