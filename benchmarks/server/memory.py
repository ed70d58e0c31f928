"""Peak memory of the web server and of the pool's processes, beside what they may take.

Each load on a service of its own that has just started. `before` is the peak until the load begins.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import httpx
import psutil

from benchmarks.support.client import connect, distinct, finish, photos, upload
from benchmarks.support.home import new_home
from benchmarks.support.resident import Watch
from benchmarks.support.table import show
from tests.faults.driver import web, workers
from tests.stack import Stack

WORKERS = 2
WEB_MB, CHILD_MB = 150, 250
CLIENTS, LARGE_MB = 20, 50
PHOTOS_18_MP = 40
SMALL = 1000
_PIECE = bytes(1 << 16)


def run() -> None:
    loads: dict[str, Callable[[Stack], None]] = {
        f"{CLIENTS} clients, {LARGE_MB} MB each at once": _large_files,
        f"{PHOTOS_18_MP} photos of 18 megapixels": _large_photos,
        f"{SMALL:,} photos of 400x300": _small_photos,
    }
    rows = [_measure(name, load) for name, load in loads.items()]
    rows.append(["the limit", "", WEB_MB, "", CHILD_MB])
    show(["load", "web before, MB", "web peak, MB", "pool child before, MB", "pool child peak, MB"], rows)


def _measure(name: str, load: Callable[[Stack], None]) -> list[object]:
    with (
        Stack(new_home(), {"IMAGEAPI_WORKERS": str(WORKERS), "LOG_LEVEL": "WARNING"}) as stack,
        Watch(lambda: [web(stack)]) as server,
        Watch(lambda: _children(stack)) as pool,
    ):
        before = [server.largest, pool.largest]
        load(stack)
    row = [before[0], server.largest, before[1], pool.largest]
    return [name, *(f"{megabytes:.0f}" for megabytes in row)]


def _children(stack: Stack) -> Sequence[psutil.Process]:
    """The processes that make pixels: children of the worker, which does not."""
    return workers(stack)[1:]


def _large_files(stack: Stack) -> None:
    [photo] = photos(1, 800, 1200)

    def send(number: int) -> None:
        with connect(stack) as client:
            finish(stack, _send_padded(client, photo, f"{number}".encode(), LARGE_MB * 1_000_000))

    with ThreadPoolExecutor(CLIENTS) as pool:
        list(pool.map(send, range(CLIENTS)))


def _send_padded(client: httpx.Client, photo: bytes, salt: bytes, size: int) -> str:
    """One file of `size` bytes, written piece by piece: 20 of them would not fit into this process."""
    head = (
        b'--edge\r\nContent-Disposition: form-data; name="images"; filename="large.jpg"\r\n'
        b"Content-Type: image/jpeg\r\n\r\n"
    )
    start, end = head + photo + salt, b"\r\n--edge--\r\n"
    whole, rest = divmod(size - len(photo) - len(salt), len(_PIECE))

    def body() -> Iterator[bytes]:
        yield start
        for _ in range(whole):
            yield _PIECE
        yield _PIECE[:rest] + end

    length = len(head) + size + len(end)
    headers = {"Content-Type": "multipart/form-data; boundary=edge", "Content-Length": str(length)}
    answer = client.post("/api/async/upload", content=body(), headers=headers)
    answer.raise_for_status()
    return str(answer.json()["job_id"])


def _large_photos(stack: Stack) -> None:
    drawn = photos(4, 5184, 3456)
    _batch(stack, distinct(drawn, PHOTOS_18_MP, "large"))


def _small_photos(stack: Stack) -> None:
    _batch(stack, distinct(photos(40, 400, 300), SMALL, "small"))


def _batch(stack: Stack, files: Sequence[bytes]) -> None:
    with connect(stack) as client:
        finish(stack, upload(client, "/api/async/batch/upload", files))
