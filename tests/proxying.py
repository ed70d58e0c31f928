"""nginx in front of a running service, through the template that production uses."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.stack import ROOT, free_port

_TEMPLATE = ROOT / "deploy" / "nginx" / "default.conf.template"
_MAIN = """
worker_processes 1;
daemon off;
pid {folder}/pid;
error_log stderr warn;
events {{ worker_connections 2048; }}
http {{
    include {folder}/site.conf;
}}
"""


@contextmanager
def nginx(port: int, folder: Path) -> Iterator[str]:
    """Its address, without the slash at its end; what it passes on goes to `port` on this machine."""
    found = shutil.which("nginx", path="/usr/sbin:/usr/bin:/usr/local/sbin")
    if found is None:
        pytest.skip("there is no nginx: install it (Debian: apt-get install nginx-light)")
    outside = free_port()
    (folder / "site.conf").write_text(_site(port, outside, folder))
    (folder / "nginx.conf").write_text(_MAIN.format(folder=folder))
    process = subprocess.Popen((found, "-p", str(folder), "-c", str(folder / "nginx.conf")))
    try:
        _wait(process, f"http://127.0.0.1:{outside}/healthz/live")
        yield f"http://127.0.0.1:{outside}"
    finally:
        process.terminate()
        process.wait(30)


def _site(port: int, outside: int, folder: Path) -> str:
    text = _TEMPLATE.read_text()
    for there, here in (
        ("resolver 127.0.0.11 valid=2s ipv6=off;", ""),
        ("http://web:8000", f"http://127.0.0.1:{port}"),
        ("listen 8080", f"listen 127.0.0.1:{outside}"),
        ("/var/log/nginx/", f"{folder}/"),
        ("_temp_path /tmp/", f"_temp_path {folder}/"),
        ("${IMAGEAPI_MAX_BODY_MB}", "2048"),
        ("${IMAGEAPI_TRUSTED_PROXY}", "127.0.0.1"),
    ):
        text = text.replace(there, here)
    return text


def _wait(process: subprocess.Popen[bytes], url: str) -> None:
    end = time.monotonic() + 30
    while time.monotonic() < end:
        assert process.poll() is None, "nginx ended before it answered"
        try:
            if httpx.get(url).status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.1)
    raise AssertionError("nginx does not answer")
