"""Whether the embedded queue's data can be read by the program that is to serve it.

The data may have been written by another version, or be damaged. Messages are hints: what is set aside here
the sweeper sends again.
"""

from __future__ import annotations

import subprocess
import time
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from imageapi.up import subprocesses
from imageapi.up.subprocesses import Command

_LOADING_SECONDS = 300.0


def set_aside_unreadable(data: Path, trial: Command, socket: Path, log: Path) -> Path | None:
    """Moves the files away where the server, tried on them, ends by itself; the folder they are in now.

    `trial` runs in `data` and listens on `socket`. An older append-only file is converted on the way.
    """
    if not _files(data) or _is_readable(trial, socket, log):
        return None
    aside = data / f"unread-{datetime.now(UTC):%Y%m%dT%H%M%S}"
    aside.mkdir(mode=0o700)
    for path in _files(data):
        path.replace(aside / path.name)
    with log.open("a") as file:
        file.write(f"imageapi: the queue's files cannot be read and lie in {aside}; the queue starts empty\n")
    return aside


def answers(socket: Path) -> bool:
    """Whether a client gets through; False also while the data is being loaded."""
    try:
        with redis.Redis(
            unix_socket_path=str(socket), socket_timeout=2, retry=Retry(NoBackoff(), 0)
        ) as client:
            return bool(client.ping())
    except (redis.RedisError, OSError):
        return False


def _files(data: Path) -> list[Path]:
    return [path for path in data.iterdir() if not path.name.startswith("unread-")]


def _is_readable(trial: Command, socket: Path, log: Path) -> bool:
    """A server that loads for very long is taken to be good: the real start waits for it, too."""
    with log.open("ab") as output:
        process = subprocesses.spawn(trial, stdout=output, stderr=subprocess.STDOUT)
    deadline = time.monotonic() + _LOADING_SECONDS
    try:
        while process.poll() is None and time.monotonic() < deadline and not answers(socket):
            time.sleep(0.005)
        return process.poll() is None
    finally:
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(trial.grace)
        process.kill()
        process.wait()
        socket.unlink(missing_ok=True)
