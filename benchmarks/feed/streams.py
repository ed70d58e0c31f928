"""Event streams beside sockets: from commit to frame, both in one run.

python -m benchmarks.feed.streams --each 500 --images 60
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import statistics
import time
from typing import Any

import httpx
from websockets.asyncio.client import ClientConnection
from websockets.asyncio.client import connect as open_socket

from benchmarks.feed.line import line, quantile, started
from benchmarks.feed.push import _watch_commits
from tests.feed.people import plain
from tests.stack import Stack

Heard = list[tuple[str, float]]


def run() -> None:
    streams(500, 60)


def streams(each: int, images: int) -> None:
    with started() as stack:
        asyncio.run(_measure(stack, each, images))


async def _measure(stack: Stack, each: int, images: int) -> None:
    headers = {"Authorization": f"Bearer {stack.token}"}
    streamed: Heard = []
    told: Heard = []
    readers = [asyncio.create_task(_read(stack, headers, streamed)) for _ in range(each)]
    sockets = [await _socket(stack, headers) for _ in range(each)]
    listeners = [asyncio.create_task(_listen(socket, told)) for socket in sockets]
    await asyncio.sleep(5)
    await _upload(stack, headers, images)
    await _all_heard(lambda: len(streamed) >= 2 * each * images and len(told) >= each * images)
    for task in (*readers, *listeners):
        task.cancel()
    committed = _watch_commits(stack)()
    line(f"{each} streams and {each} sockets, {images} images", "p50 ms", "p99 ms", "max ms", "frames")
    _show("event stream", [_of_stream(text, at) for text, at in streamed], committed)
    _show("socket", [_of_socket(text, at) for text, at in told], committed)


async def _read(stack: Stack, headers: dict[str, str], heard: Heard) -> None:
    """The barest reader: 500 of httpx in one process would measure themselves."""
    reader, writer = await asyncio.open_connection("127.0.0.1", stack.port)
    head = ["GET /api/events HTTP/1.1", f"Host: 127.0.0.1:{stack.port}", "Accept: text/event-stream"]
    head += [f"{name}: {value}" for name, value in headers.items()]
    writer.write(("\r\n".join(head) + "\r\n\r\n").encode())
    while text := await reader.readuntil(b"\n"):
        if text.startswith(b"data: "):
            heard.append((text[6:].decode(), time.time()))


async def _socket(stack: Stack, headers: dict[str, str]) -> ClientConnection:
    opened = await open_socket(f"ws://127.0.0.1:{stack.port}/ws/upload/", additional_headers=headers)
    await opened.recv()
    return opened


async def _listen(socket: ClientConnection, heard: Heard) -> None:
    while True:
        heard.append((str(await socket.recv()), time.time()))


async def _upload(stack: Stack, headers: dict[str, str], images: int) -> None:
    dice = random.Random(4)
    async with httpx.AsyncClient(base_url=stack.url, headers=headers, timeout=60) as client:
        for _ in range(images):
            file = {"image": ("one.png", plain(dice.randrange(360)), "image/png")}
            answer = await client.post("/api/upload", files=file)
            assert answer.status_code == 200, answer.text
            await asyncio.sleep(0.2)


async def _all_heard(done: Any, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < end, "frames are missing"
        await asyncio.sleep(0.1)


def _of_stream(text: str, at: float) -> tuple[str, float] | None:
    images = json.loads(text).get("images")
    return (images[0]["id"], at) if images else None


def _of_socket(text: str, at: float) -> tuple[str, float]:
    return json.loads(text)["image_id"], at


def _show(name: str, heard: list[tuple[str, float] | None], committed: dict[str, float]) -> None:
    times = [1000 * (each[1] - committed[each[0]]) for each in heard if each]
    numbers = (statistics.median(times), quantile(times, 0.99), max(times))
    line(name, *(f"{number:.1f}" for number in numbers), f"{len(times):,}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Measure event streams beside sockets.")
    parser.add_argument("--each", type=int, default=500)
    parser.add_argument("--images", type=int, default=60)
    given = parser.parse_args()
    streams(given.each, given.images)
