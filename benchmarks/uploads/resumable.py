"""Small files by tus beside one multipart request, CPU of the whole service and statements a file.

And the web server's memory with large uploads at once, a few of them beside many.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import httpx

from benchmarks.support.client import connect, distinct, finish, photos, upload
from benchmarks.support.cpu import cpu_seconds
from benchmarks.support.home import new_home
from benchmarks.support.resident import Watch
from benchmarks.support.table import show, spread
from benchmarks.uploads.statements import asked
from tests.e2e.test_thousand import log_statements
from tests.faults.driver import web
from tests.stack import Stack
from tests.uploads.resumable.clients import Tus, metadata

COUNT, CLIENTS, ROUNDS, GOAL = 300, 8, 3, 2.5
MANY, FEW, LARGE_BYTES = 50, 5, 200_000_000
_PIECE = bytes(1 << 16)
Way = Callable[[Stack, Sequence[bytes]], None]
Send = Callable[[Tus, bytes, str], httpx.Response]


def run() -> None:
    _small()
    _large()


def _small() -> None:
    drawn = photos(40, 400, 300)
    ways: dict[str, Way] = {
        "multipart, one request": _multipart,
        "tus, a request": _created,
        "tus, two": _sent,
    }
    with Stack(new_home(), {"IMAGEAPI_WORKERS": "2", "LOG_LEVEL": "WARNING"}) as stack:
        for name, way in ways.items():
            way(stack, distinct(drawn, 40, f"warm {name}"))
        cpu: dict[str, list[float]] = {name: [] for name in ways}
        for turn in range(ROUNDS):
            for name, way in ways.items():
                files = distinct(drawn, COUNT, f"{name}{turn}")
                cpu[name].append(_cpu(stack, lambda: way(stack, files)))  # noqa: B023
        log_statements(stack.home)
        counts = {
            name: asked(stack, lambda: way(stack, distinct(drawn, COUNT, f"sql {name}"))).sql.total()  # noqa: B023
            for name, way in ways.items()
        }
    [first, *_] = cpu.values()
    rows = [_row(name, times, first, counts[name]) for name, times in cpu.items()]
    show(["way", "CPU, ms a file", f"ratio (min-max; goal {GOAL})", "statements a file"], rows)


def _row(name: str, times: list[float], first: list[float], count: int) -> list[object]:
    ratios = [mine / other for mine, other in zip(times, first, strict=True)]
    return [name, f"{1000 * statistics.median(times) / COUNT:.1f}", spread(ratios), f"{count / COUNT:.1f}"]


def _cpu(stack: Stack, act: Callable[[], None]) -> float:
    """CPU seconds of all processes of the service, none of which ends meanwhile."""
    before = cpu_seconds(stack.processes())
    act()
    return cpu_seconds(stack.processes()) - before


def _multipart(stack: Stack, files: Sequence[bytes]) -> None:
    with connect(stack) as client:
        finish(stack, upload(client, "/api/async/batch/upload", files))


def _created(stack: Stack, files: Sequence[bytes]) -> None:
    """The bytes come with the creation."""
    _in_batch(stack, files, lambda tus, data, given: tus.create(len(data), data, Upload_Metadata=given))


def _sent(stack: Stack, files: Sequence[bytes]) -> None:
    """A creation, then a PATCH, as tus-js-client does it of its own accord."""

    def send(tus: Tus, data: bytes, given: str) -> httpx.Response:
        return tus.patch(tus.created(len(data), Upload_Metadata=given), 0, data)

    _in_batch(stack, files, send)


def _in_batch(
    stack: Stack, files: Sequence[bytes], send: Callable[[Tus, bytes, str], httpx.Response]
) -> None:
    with connect(stack) as client:
        job = client.post("/api/batches").raise_for_status().json()["job_id"]
        given = metadata(filename="a.jpg", batch=job)

        def part(mine: Sequence[bytes]) -> None:
            with connect(stack) as own:
                for data in mine:
                    assert "X-Image-Id" in send(Tus(own), data, given).raise_for_status().headers

        with ThreadPoolExecutor(CLIENTS) as pool:
            list(pool.map(part, [files[n::CLIENTS] for n in range(CLIENTS)]))
        client.post(f"/api/batches/{job}/close").raise_for_status()
    finish(stack, job)


def _large() -> None:
    peaks = [(count, *_peak(count)) for count in (FEW, MANY)]
    rows = [[f"{count} of 200 MB", f"{before:.0f}", f"{after:.0f}"] for count, before, after in peaks]
    for (few, _, less), (many, _, more) in pairwise(peaks):
        rows.append([f"an upload more, of {many - few}", "", f"{(more - less) / (many - few):.2f}"])
    show(["uploads at once, by tus", "web before, MB", "web peak, MB"], rows)


def _peak(count: int) -> tuple[float, float]:
    """MB of the web server before and with so many uploads at once."""
    [photo] = photos(1, 800, 1200)
    env = {"IMAGEAPI_WORKERS": "2", "LOG_LEVEL": "WARNING"}
    with Stack(new_home(), env) as stack, Watch(lambda: [web(stack)]) as server:
        before = server.largest
        with ThreadPoolExecutor(count) as pool:
            list(pool.map(lambda number: _send_padded(stack, photo + b"%d" % number), range(count)))
    return before, server.largest


def _send_padded(stack: Stack, head: bytes) -> None:
    whole, rest = divmod(LARGE_BYTES - len(head), len(_PIECE))

    def body() -> Iterator[bytes]:
        yield head
        for _ in range(whole):
            yield _PIECE
        yield _PIECE[:rest]

    with connect(stack) as client:
        client.timeout = httpx.Timeout(600)
        url = Tus(client).created(LARGE_BYTES)
        answer = Tus(client).patch(url, 0, body(), Content_Length=str(LARGE_BYTES))
        assert "X-Image-Id" in answer.raise_for_status().headers
