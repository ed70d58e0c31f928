"""The service as a benchmark's client sees it."""

from __future__ import annotations

from collections.abc import Sequence

import httpx

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


def finish(client: httpx.Client, job: str) -> None:
    """Waits for the job's last event."""
    seq = 0
    while True:
        answer = client.get(f"/api/jobs/{job}/events", params={"since": seq, "wait": 20}).json()
        seq = answer["seq"]
        if any(event["type"] == "job.finished" for event in answer["events"]):
            return
