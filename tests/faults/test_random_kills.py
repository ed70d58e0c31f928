"""A thousand images, and every two seconds something is killed: all done, told once, none missed."""

from __future__ import annotations

import asyncio
import json
import os
import random
import socket
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import psutil
import pytest
import redis
from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException

from tests.api import Api
from tests.drawing import photo
from tests.faults.driver import (
    assert_nothing_lost,
    broker,
    client_of,
    kill,
    leftovers,
    redis_of,
    web,
    workers,
)
from tests.stack import Stack

COUNT = int(os.environ.get("FAULT_IMAGES", "1000"))
EVERY = 2.0
SEEDS = [int(seed) for seed in os.environ.get("FAULT_SEEDS", "1 2 3 4 5").split()]


@dataclass
class Follower:
    """A client on the job's socket that reconnects for ever with the last number it heard."""

    stack: Stack
    job_id: str
    seq: int = 0
    connects: int = 0
    finished: int = 0
    told: list[str] = field(default_factory=list)

    def follow(self) -> None:
        asyncio.run(self._follow())

    async def _follow(self) -> None:
        headers = {"Authorization": f"Bearer {self.stack.token}"}
        while not self.finished:
            url = f"ws://127.0.0.1:{self.stack.port}/ws/jobs/{self.job_id}/?since={self.seq}"
            with suppress(OSError, WebSocketException, TimeoutError):
                async with connect(url, additional_headers=headers, max_size=2**24) as opened:
                    self.connects += 1
                    async for text in opened:
                        self.hear(json.loads(text))
                        if self.finished:
                            return
            await asyncio.sleep(0.1)

    def hear(self, frame: dict[str, Any]) -> None:
        assert frame["type"] != "job.snapshot", "the log had a hole"
        assert frame["seq"] == self.seq + 1, f"{frame['seq']} came after {self.seq}"
        self.seq = frame["seq"]
        self.told += [image["id"] for image in frame.get("images", ())]
        self.finished += frame["type"] == "job.finished"


class Killer(threading.Thread):
    """Kills one of four every two seconds, until it is told to stop; one that is not up again yet is spared.

    On a slow machine a start takes longer than the time between two kills: nothing would ever be up.
    """

    def __init__(self, stack: Stack, seed: int) -> None:
        super().__init__(daemon=True)
        self.stack = stack
        self.random = random.Random(seed)
        self.over = threading.Event()
        self.killed: list[tuple[float, str]] = []

    def told(self) -> str:
        """Whom it killed, how often, and when: seconds after it began."""
        names = [victim for _, victim in self.killed]
        counts = ", ".join(f"{names.count(victim)} {victim}" for victim in sorted(set(names)))
        return f"killed: {counts} ({', '.join(f'{when:.1f} {victim}' for when, victim in self.killed)})"

    def run(self) -> None:
        began = time.monotonic()
        while not self.over.wait(EVERY):
            victim = self.random.choice(["pool child", "worker", "web server", "redis"])
            with suppress(psutil.NoSuchProcess, ValueError, OSError, redis.RedisError):
                if self.kill_one(victim):
                    self.killed.append((time.monotonic() - began, victim))

    def stop(self) -> None:
        self.over.set()
        if self.is_alive():
            self.join()

    def kill_one(self, victim: str) -> bool:
        if victim == "web server":
            server = web(self.stack)
            socket.create_connection(("127.0.0.1", self.stack.port), timeout=1).close()
            kill(server)
        elif victim == "redis":
            with redis_of(self.stack) as queue:
                queue.flushall()
            kill(broker(self.stack))
        else:
            main, *pool = workers(self.stack)
            if not pool:
                return False
            kill(self.random.choice(pool) if victim == "pool child" else main)
        return True


@cache
def drawn() -> bytes:
    return photo(3_000_000, 1000, 750)


def numbered(number: int) -> bytes:
    """The same picture with a comment of its own: other bytes, and so another image."""
    return drawn()[:20] + b"\xff\xfe\x00\x0a" + f"{number:08d}".encode() + drawn()[20:]


def disturbed(
    stack: Stack, files: list[tuple[str, bytes]], seed: int | None, killer: Killer
) -> tuple[float, int]:
    """One run; seconds from the upload to the last event, and how often the client connected."""
    with client_of(stack, retries=20) as api:
        started = time.monotonic()
        answer = api.batch(files)
        assert answer.status_code == 202, answer.text
        follower = Follower(stack, answer.json()["job_id"])
        following = threading.Thread(target=follower.follow, daemon=True)
        following.start()
        if seed is not None:
            killer.start()
        following.join(900)
        seconds = time.monotonic() - started
        killer.stop()
        assert not following.is_alive(), f"not finished after {seconds:.0f} s"
    assert len(follower.told) == len(set(follower.told)) == len(files), "told twice, or never"
    check(stack, follower, len(files))
    return seconds, follower.connects


def check(stack: Stack, follower: Follower, count: int) -> None:
    wait_until_ready(stack)
    with client_of(stack, retries=20) as api:
        assert_nothing_lost(api, stack, follower.job_id, count)
        assert api.job(follower.job_id)["seq"] == follower.seq


def wait_until_ready(stack: Stack) -> None:
    with client_of(stack, retries=20) as api:
        for _ in range(100):
            with suppress(Exception):
                if Api(api.client).client.get("/healthz/ready").status_code == 200:
                    return
            time.sleep(0.3)
    raise AssertionError("the service did not come back")


@pytest.mark.slow
@pytest.mark.timeout(6000)
def test_random_kills_lose_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The seeds are printed: FAULT_SEEDS="3" runs one of them again."""
    with Stack(tmp_path / "home") as stack:
        for run, seed in enumerate([None, *SEEDS]):
            files = [(f"{n}.jpg", numbered(run * COUNT + n)) for n in range(COUNT)]
            killer = Killer(stack, seed or 0)
            seconds, connects = float("nan"), 0
            try:
                seconds, connects = disturbed(stack, files, seed, killer)
            finally:  # a failure is explained by who was killed, and when
                killer.stop()
                name = "undisturbed" if seed is None else f"seed {seed}"
                with capsys.disabled():
                    print(f"\n{name:12} {seconds:6.1f} s  {connects:3} connects; {killer.told()}", flush=True)
        wait_until_ready(stack)
        assert leftovers(stack) == []
