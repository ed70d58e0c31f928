"""How long others wait while 20 clients send 50 MB each: /healthz/live asked every 5 ms.

The clients are one process of their own that only sends, as fast as it is let. With the web server's memory
before and at its highest.
"""

from __future__ import annotations

import multiprocessing
import socket
import statistics
import threading
import time
from collections.abc import Iterator
from urllib.parse import urlsplit

import httpx
import psutil

from benchmarks.support.table import show
from benchmarks.support.web import Web, web_only

CLIENTS, FILES, FILE_BYTES = 20, 5, 10 * 1024 * 1024
_EVERY = 0.005
_PIECE = 256 * 1024
_PART = (
    b'--x\r\nContent-Disposition: form-data; name="images"; filename="%d.jpg"\r\n'
    b"Content-Type: image/jpeg\r\n\r\n"
)


def run() -> None:
    with web_only() as web:
        rows = [_row("nobody sends", *_measured(web, 0)), _row("20 x 50 MB", *_measured(web, CLIENTS))]
    show(["meanwhile", "asked", "p50 ms", "p99 ms", "longest ms", "web MB before", "web MB at most"], rows)


def _measured(web: Web, clients: int) -> tuple[list[float], float, float]:
    """Milliseconds of each question; the web server's megabytes before and at most."""
    before = highest = _megabytes(web.process)
    senders = multiprocessing.get_context("spawn").Process(target=send_all, args=(web.url, clients))
    senders.start()
    ended = time.perf_counter() + (0 if clients else 5)
    waits = []
    with httpx.Client(base_url=web.url, timeout=60) as client:
        while senders.is_alive() or time.perf_counter() < ended:
            started = time.perf_counter()
            client.get("/healthz/live").raise_for_status()
            waits.append(1000 * (time.perf_counter() - started))
            highest = max(highest, _megabytes(web.process))
            time.sleep(_EVERY)
    return waits, before, highest


def _row(name: str, waits: list[float], before: float, highest: float) -> list[str]:
    p99 = statistics.quantiles(waits, n=100)[98]
    figures = (statistics.median(waits), p99, max(waits))
    return [name, str(len(waits)), *(f"{ms:.1f}" for ms in figures), f"{before:.0f}", f"{highest:.0f}"]


def _megabytes(process: psutil.Process) -> float:
    return float(process.memory_info().rss) / 2**20


def send_all(url: str, clients: int) -> None:
    """Sends from so many connections at once, and waits for all answers."""
    time.sleep(1)
    address = (urlsplit(url).hostname, urlsplit(url).port)
    threads = [threading.Thread(target=_send, args=(address, n)) for n in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _send(address: tuple[str, int], number: int) -> None:
    parts = [_PART % file for file in range(FILES)]
    length = sum(map(len, parts)) + FILES * (FILE_BYTES + 2) + len(b"--x--\r\n")
    head = (
        f"POST /api/async/batch/upload HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
        f"Content-Type: multipart/form-data; boundary=x\r\nContent-Length: {length}\r\n\r\n"
    )
    with socket.create_connection(address, timeout=120) as raw:
        raw.sendall(head.encode())
        for piece in _pieces(parts, number):
            raw.sendall(piece)
        while raw.recv(65536):
            pass


def _pieces(parts: list[bytes], number: int) -> Iterator[bytes]:
    for place, part in enumerate(parts):
        yield part + b"\xff\xd8\xff" + bytes([number, place]) * 8
        left = FILE_BYTES - 19
        while left:
            yield bytes(min(left, _PIECE))
            left -= min(left, _PIECE)
        yield b"\r\n"
    yield b"--x--\r\n"
