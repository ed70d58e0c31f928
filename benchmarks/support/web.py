"""A web server with its database and queue, and no worker."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil

from benchmarks.support.home import new_home
from imageapi.up import embedded
from tests.stack import ROOT, free_port


@dataclass(frozen=True, slots=True)
class Web:
    """`url` is without the slash at its end."""

    url: str
    process: psutil.Process
    home: Path
    env: dict[str, str]


@contextmanager
def web_only() -> Iterator[Web]:
    """With `/bare` beside the service's own paths, under the anonymous plan Enterprise."""
    home = new_home()
    with ExitStack() as stack:
        for server in (embedded.Postgres(home), embedded.Redis(home)):
            server.start()
            stack.callback(server.stop)
        (home / "tmp").mkdir(exist_ok=True)
        env = {
            **os.environ,
            "IMAGEAPI_HOME": str(home),
            "IMAGEAPI_ANONYMOUS_PLAN": "Enterprise",
            "DJANGO_SETTINGS_MODULE": "benchmarks.support.bare_settings",
            "LOG_LEVEL": "WARNING",
            "TMPDIR": str(home / "tmp"),
        }
        manage = (sys.executable, "manage.py")
        subprocess.run((*manage, "setup"), cwd=ROOT, env=env, check=True, stdout=subprocess.DEVNULL)
        port = free_port()
        web = subprocess.Popen((*manage, "serve", "--port", str(port)), cwd=ROOT, env=env)
        stack.callback(web.wait)
        stack.callback(web.terminate)
        wait_for_server(f"http://127.0.0.1:{port}")
        yield Web(f"http://127.0.0.1:{port}", psutil.Process(web.pid), home, env)


def wait_for_server(url: str) -> None:
    """Until the server takes connections."""
    for _ in range(300):
        try:
            httpx.get(f"{url}/healthz/live")
            return
        except httpx.ConnectError:
            time.sleep(0.1)
