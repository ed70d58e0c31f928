"""The service as a benchmark's client sees it."""

from __future__ import annotations

import json
from collections.abc import Sequence

import httpx
import websockets.sync.client

from tests.drawing import photo
from tests.stack import Stack


def connect(stack: Stack) -> httpx.Client:
    headers = {"Authorization": f"Bearer {stack.token}"}
    return httpx.Client(base_url=stack.url, headers=headers, timeout=120)


def photos(count: int, width: int, height: int) -> list[bytes]:
    return [photo(seed, width, height) for seed in range(count)]


def distinct(drawn: Sequence[bytes], count: int, salt: str) -> list[bytes]:
    """`count` files with checksums of their own: bytes after a JPEG's end change no pixel."""
    return [drawn[n % len(drawn)] + f"{salt}{n}".encode() for n in range(count)]


def upload(client: httpx.Client, path: str, files: Sequence[bytes]) -> str:
    """Sends the files in one request; the job's id."""
    named = [("images", (f"{n}.jpg", data)) for n, data in enumerate(files)]
    answer = client.post(path, files=named)
    answer.raise_for_status()
    return str(answer.json()["job_id"])


def finish(stack: Stack, job: str) -> None:
    """Hears the job to its end, as a page does; a client that polls would pay for each of its questions."""
    url = f"ws://127.0.0.1:{stack.port}/ws/jobs/{job}/?since=0"
    headers = {"Authorization": f"Bearer {stack.token}"}
    with websockets.sync.client.connect(url, additional_headers=headers, max_size=2**24) as opened:
        while json.loads(opened.recv(120))["type"] != "job.finished":
            pass
