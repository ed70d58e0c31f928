"""One more web server beside a running service: on its files, with its own environment."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx

from imageapi.up import embedded
from tests.stack import ROOT, Stack, free_port


@contextmanager
def web_server(stack: Stack, **env: str | None) -> Iterator[str]:
    """Its address, without the slash at its end. None takes a variable out of the environment."""
    with started(stack, **env) as (url, _):
        yield url


@contextmanager
def started(stack: Stack, **env: str | None) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """The same, with its process."""
    port = free_port()
    given = {
        "IMAGEAPI_HOME": str(stack.home),
        "DATABASE_URL": embedded.database_url(stack.home),
        "REDIS_URL": embedded.redis_url(stack.home),
        **env,
    }
    process = subprocess.Popen(
        (sys.executable, "manage.py", "serve", "--port", str(port)),
        cwd=ROOT,
        env={name: value for name, value in {**os.environ, **given}.items() if value is not None},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _wait(process, f"http://127.0.0.1:{port}/healthz/live")
        yield f"http://127.0.0.1:{port}", process
    finally:
        process.terminate()
        process.wait(30)


def _wait(process: subprocess.Popen[bytes], url: str) -> None:
    end = time.monotonic() + 60
    while time.monotonic() < end:
        assert process.poll() is None, "the server ended before it answered"
        try:
            httpx.get(url)
        except httpx.TransportError:
            time.sleep(0.05)
        else:
            return
    raise AssertionError("the server does not answer")
