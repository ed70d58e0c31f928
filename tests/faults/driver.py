"""What the fault tests share: who is who among the processes, and the invariants seen from outside."""

from __future__ import annotations

import itertools
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import httpx
import psutil
import redis

from imageapi.up import embedded
from tests.api import Api
from tests.database import execute
from tests.drawing import photo
from tests.stack import ROOT, Stack

# The same bytes twice would be a duplicate, not an image more.
SEEDS = itertools.count(1_000_000)


@contextmanager
def client_of(stack: Stack, *, retries: int = 0, timeout: float = 60) -> Iterator[Api]:
    """The administrator; with `retries` a connection that is refused is tried again."""
    transport = httpx.HTTPTransport(retries=retries)
    headers = {"Authorization": f"Bearer {stack.token}"}
    with httpx.Client(transport=transport, base_url=stack.url, headers=headers, timeout=timeout) as client:
        yield Api(client)


def pictures(count: int, width: int = 160, height: int = 120) -> list[tuple[str, bytes]]:
    return [(f"{n}.jpg", photo(next(SEEDS), width, height)) for n in range(count)]


def batch(api: Api, files: list[tuple[str, bytes]]) -> str:
    answer = api.batch(files)
    assert answer.status_code == 202, answer.text
    return str(answer.json()["job_id"])


def find(stack: Stack, is_it: Callable[[psutil.Process], bool]) -> list[psutil.Process]:
    """The service's processes of a kind, oldest first; those that end meanwhile are left out."""
    found = []
    for process in stack.processes():
        try:
            if process.status() != psutil.STATUS_ZOMBIE and is_it(process):
                found.append((process.create_time(), process.pid, process))
        except psutil.NoSuchProcess:
            continue
    return [process for _, _, process in sorted(found)]


def workers(stack: Stack) -> list[psutil.Process]:
    """The main process of the worker that makes pixels, then its pool."""
    return find(stack, lambda p: "upkeep,images,derive" in p.cmdline())


def web(stack: Stack) -> psutil.Process:
    [server] = find(stack, lambda p: "serve" in p.cmdline())
    return server


def broker(stack: Stack) -> psutil.Process:
    [server] = find(stack, lambda p: p.name() in ("redis-server", "valkey-server"))
    return server


def redis_of(stack: Stack) -> redis.Redis:
    return redis.Redis.from_url(embedded.redis_url(stack.home))


def kill(process: psutil.Process, sent: signal.Signals = signal.SIGKILL) -> None:
    os.kill(process.pid, sent)


def assert_nothing_lost(api: Api, stack: Stack, job_id: str, total: int, seconds: float = 120) -> None:
    """I1 to I6 of one job: all completed, told once each, without a gap, every file there."""
    job = api.finished(job_id, seconds)
    assert (job["status"], job["completed"], job["total"]) == ("completed", total, total)
    images = api.images(job_id)
    assert len({image["id"] for image in images}) == total
    events = api.events(job_id)
    assert [event["seq"] for event in events] == list(range(1, job["seq"] + 1))
    assert [event["type"] for event in events].count("job.finished") == 1
    told = [image["id"] for event in events for image in event.get("images", ())]
    assert sorted(told) == sorted(image["id"] for image in images), "an image was told twice or never"
    counts = [event["job"]["completed"] for event in events]
    assert counts == sorted(counts), "the job went backwards"
    media = stack.home / "media"
    for image in images:
        for rendition in image["renditions"]:
            key, file = rendition["url"].removeprefix("/media/").split("/")
            assert (media / "renditions" / key[:2] / f"{key}.{file}").stat().st_size == rendition["size"]


def doctor(stack: Stack) -> str:
    """What does not hold of the counters and the files."""
    given = {
        "IMAGEAPI_HOME": str(stack.home),
        "DATABASE_URL": embedded.database_url(stack.home),
        "REDIS_URL": embedded.redis_url(stack.home),
    }
    done = subprocess.run(
        (sys.executable, "manage.py", "doctor", "--older-than", "0"),
        cwd=ROOT,
        env=given,
        check=False,
        capture_output=True,
        text=True,
        timeout=120,
    )
    return "" if done.returncode == 0 else done.stdout + done.stderr


def leftovers(stack: Stack) -> list[str]:
    """I7: files that no row names, and temporary ones; but for a rendition half written by who was killed.

    That one goes with the housekeeping, like every file that nobody names for some hours.
    """
    media = stack.home / "media"
    keys = {row[0] for row in execute(stack, "SELECT key FROM processing_image")}
    orphans = [p for p in (media / "originals").glob("??/*") if p.name not in keys]
    renditions = [p for p in (media / "renditions").glob("??/*") if not p.name.startswith(".")]
    orphans += [p for p in renditions if p.name.partition(".")[0] not in keys]
    orphans += (media / "incoming").iterdir() if (media / "incoming").exists() else []
    orphans += [p for p in (stack.home / "tmp").rglob("*") if p.is_file()]
    return [str(path) for path in orphans]
