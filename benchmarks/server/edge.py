"""An empty view on our web server, beside the same application on bare daphne, uvicorn, granian.

Those that are not installed are left out. One connection that is kept, one request after the other.
"""

from __future__ import annotations

import importlib.util
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from urllib.parse import urlsplit

import psutil

from benchmarks.support.cpu import cpu_seconds
from benchmarks.support.table import show
from benchmarks.support.web import Web, wait_for_server, web_only
from tests.stack import ROOT, free_port

REQUESTS, ROUNDS = 1000, 5
_APPLICATION = "imageapi.asgi:application"
PEERS = {
    "daphne": ("daphne", "-p", "{port}", "--no-server-name", "-v", "0", _APPLICATION),
    "uvicorn": ("uvicorn", "--port", "{port}", "--log-level", "warning", "--no-access-log", _APPLICATION),
    "granian": ("granian", "--interface", "asgi", "--port", "{port}", "--log-level", "warning", _APPLICATION),
}
Server = tuple[str, psutil.Process]


def run() -> None:
    with web_only() as web, ExitStack() as running:
        servers: dict[str, Server] = {"ours (manage.py serve)": (web.url, web.process)}
        for name, command in PEERS.items():
            if importlib.util.find_spec(name):
                servers[name] = running.enter_context(_served(web, command))
        rounds = [[_round(*server) for server in servers.values()] for _ in range(ROUNDS + 1)][1:]
    rows = []
    for name, figures in zip(servers, zip(*rounds, strict=True), strict=True):
        wall, cpu = (statistics.median(column) for column in zip(*figures, strict=True))
        ratio = statistics.median(
            mine[1] / first[1] for mine, (first, *_) in zip(figures, rounds, strict=True)
        )
        rows.append([name, f"{wall:.2f}", f"{cpu:.2f}", f"{ratio:.2f}"])
    show(["an empty view on", "ms a request", "CPU ms a request", "CPU beside ours"], rows)


@contextmanager
def _served(web: Web, command: tuple[str, ...]) -> Iterator[Server]:
    port = free_port()
    arguments = [part.format(port=port) for part in command]
    process = subprocess.Popen((sys.executable, "-m", *arguments), cwd=ROOT, env=web.env)
    wait_for_server(f"http://127.0.0.1:{port}")
    yield f"http://127.0.0.1:{port}", psutil.Process(process.pid)
    process.terminate()
    process.wait()


def _round(url: str, process: psutil.Process) -> tuple[float, float]:
    """Milliseconds of a request, by the clock and of the server's processor."""
    question = b"GET /bare HTTP/1.1\r\nHost: localhost\r\n\r\n"
    with socket.create_connection(("127.0.0.1", urlsplit(url).port or 0), timeout=30) as raw:
        before, began = _cpu(process), time.perf_counter()
        for _ in range(REQUESTS):
            raw.sendall(question)
            answer = b""
            while b"\r\n\r\n" not in answer:
                answer += raw.recv(65536)
            assert answer.startswith(b"HTTP/1.1 204"), answer
        seconds = time.perf_counter() - began
    return 1000 * seconds / REQUESTS, 1000 * (_cpu(process) - before) / REQUESTS


def _cpu(process: psutil.Process) -> float:
    """Of a server that may work in processes of its own."""
    return cpu_seconds([process, *process.children(recursive=True)])
