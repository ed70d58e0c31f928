"""Upload requests with no worker running, beside the same server only reading the same bodies."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import httpx
import psutil

from benchmarks.client import distinct, photos
from benchmarks.table import show
from imageapi import embedded
from tests.stack import ROOT, free_port

FILES, REQUESTS, ROUNDS = 100, 5, 5


def run() -> None:
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        home = Path(folder) / "home"
        servers = (embedded.Postgres(home), embedded.Redis(home))
        for server in servers:
            server.start()
        try:
            _measure(home)
        finally:
            for server in servers:
                server.stop()


def _measure(home: Path) -> None:
    env = {
        **os.environ,
        "IMAGEAPI_HOME": str(home),
        "IMAGEAPI_ANONYMOUS_PLAN": "Enterprise",
        "DJANGO_SETTINGS_MODULE": "benchmarks.bare_settings",
        "LOG_LEVEL": "WARNING",
        "TMPDIR": str(home / "tmp"),
    }
    (home / "tmp").mkdir(exist_ok=True)
    manage = (sys.executable, "manage.py")
    subprocess.run((*manage, "setup"), cwd=ROOT, env=env, check=True, stdout=subprocess.DEVNULL)
    port = free_port()
    web = subprocess.Popen((*manage, "serve", "--port", str(port)), cwd=ROOT, env=env)
    try:
        _compare(httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60), psutil.Process(web.pid))
    finally:
        web.terminate()
        web.wait()


def _compare(client: httpx.Client, web: psutil.Process) -> None:
    for _ in range(100):
        try:
            client.get("/healthz/live")
            break
        except httpx.ConnectError:
            time.sleep(0.1)
    drawn = photos(40, 800, 1200)
    found: dict[str, list[tuple[float, float]]] = {"/bare": [], "/api/async/batch/upload": []}
    for turn in range(ROUNDS + 1):
        for path, figures in found.items():
            figures.append(_round(client, web, path, distinct(drawn, FILES * REQUESTS, f"{path}{turn}")))
    rows = []
    for path, figures in found.items():
        wall, cpu = (statistics.median(column) for column in zip(*figures[1:], strict=True))
        rows.append([path, f"{1 / wall:.0f}", f"{wall * 1000:.2f}", f"{cpu * 1000:.2f}"])
    ratios = [ours[0] / bare[0] for bare, ours in list(zip(*found.values(), strict=True))[1:]]
    rows.append(["ratio of the walls", "", f"{statistics.median(ratios):.2f}", ""])
    show(["request of 100 photos", "files/s", "ms a file", "CPU ms a file"], rows)


def _round(client: httpx.Client, web: psutil.Process, path: str, files: list[bytes]) -> tuple[float, float]:
    """Wall and CPU seconds a file; the bodies are encoded before the clock runs."""
    requests = []
    for start in range(0, len(files), FILES):
        named = [("images", (f"{n}.jpg", data)) for n, data in enumerate(files[start : start + FILES])]
        request = client.build_request("POST", path, files=named)
        request.read()
        requests.append(request)
    cpu = sum(web.cpu_times()[:2])
    started = time.perf_counter()
    for request in requests:
        client.send(request).raise_for_status()
    wall = time.perf_counter() - started
    return wall / len(files), (sum(web.cpu_times()[:2]) - cpu) / len(files)
