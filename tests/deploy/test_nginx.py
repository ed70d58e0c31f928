"""deploy/nginx in front of a web server that says what reached it."""

from __future__ import annotations

import http.client
import json
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.stack import ROOT, free_port

pytestmark = pytest.mark.skipif(shutil.which("nginx") is None, reason="nginx is not installed here")
OUTSIDE = "203.0.113.7"


class Echo(BaseHTTPRequestHandler):
    """Answers with the path and the headers it got."""

    def do_GET(self) -> None:
        said = json.dumps(
            {"path": self.path, **{name.lower(): value for name, value in self.headers.items()}}
        )
        self.send_response(200)
        self.send_header("Content-Length", str(len(said)))
        self.end_headers()
        self.wfile.write(said.encode())

    def log_message(self, format: str, *arguments: Any) -> None:
        pass


@dataclass
class Balancer:
    port: int
    logs: Path

    def get(self, path: str, **headers: str) -> tuple[int, dict[str, Any]]:
        """Status and answer for a path sent just as it is written."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            connection.request("GET", path, headers={n.replace("_", "-"): v for n, v in headers.items()})
            answer = connection.getresponse()
            body = answer.read()
            return answer.status, json.loads(body) if body.startswith(b"{") else {}
        finally:
            connection.close()


@pytest.fixture(scope="module")
def balancer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Balancer]:
    folder = tmp_path_factory.mktemp("nginx")
    with ThreadingHTTPServer(("127.0.0.1", 0), Echo) as web:
        threading.Thread(target=web.serve_forever, daemon=True).start()
        port = free_port()
        (folder / "nginx.conf").write_text(configuration(folder, port, web.server_port))
        command = ("nginx", "-c", folder / "nginx.conf", "-p", folder, "-e", folder / "start.log")
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL)
        try:
            running = Balancer(port, folder)
            while not answers(running):
                assert process.poll() is None, (folder / "start.log").read_text()
                time.sleep(0.02)
            yield running
        finally:
            process.terminate()
            process.wait(20)
            web.shutdown()


def configuration(folder: Path, port: int, web: int) -> str:
    """The template as the image renders it, with the places of this test."""
    text = (ROOT / "deploy" / "nginx" / "default.conf.template").read_text()
    for ours, here in (
        (" /tmp/", f" {folder}/"),
        ("${IMAGEAPI_MAX_BODY_MB}", "2048"),
        ("${IMAGEAPI_TRUSTED_PROXY}", "172.16.0.0/12"),
        ("http://web:8000", f"http://127.0.0.1:{web}"),
        ("listen 8080;", f"listen 127.0.0.1:{port};"),
        ("/var/log/nginx", str(folder)),
    ):
        assert ours in text
        text = text.replace(ours, here)
    head = f"daemon off; pid {folder}/pid; error_log {folder}/error.log crit; events {{}}"
    return f"{head} http {{ {text} }}"


def answers(balancer: Balancer) -> bool:
    try:
        return balancer.get("/")[0] == 200
    except OSError:
        return False


@pytest.mark.parametrize(
    "path",
    [
        *("/metrics", "/metrics/", "/metrics%2f", "/metric%73", "//metrics", "/./metrics", "/x/../metrics"),
        *("/metrics?x=1", "/metrics;x", "/metrics%20", "/METRICS", "/img/metrics", "/metrics/%2e"),
    ],
)
def test_metrics_are_for_the_inside_however_they_are_spelled(balancer: Balancer, path: str) -> None:
    assert balancer.get(path, X_Forwarded_For=OUTSIDE)[0] == 403
    assert balancer.get(path, X_Forwarded_For="10.1.2.3")[0] == 200


@pytest.mark.parametrize(
    "path", ["/metricsx", "/api/recipes/metrics", "/media/AAAAAAAAAAAAAAAAAAAAAA/metrics"]
)
def test_other_paths_are_for_everybody(balancer: Balancer, path: str) -> None:
    assert balancer.get(path, X_Forwarded_For=OUTSIDE)[0] == 200


@pytest.mark.parametrize(
    ("forwarded", "client"),
    [
        (None, "127.0.0.1"),
        (OUTSIDE, OUTSIDE),
        (f"198.51.100.1, {OUTSIDE}", OUTSIDE),
        (f"{OUTSIDE}, 172.17.0.1", OUTSIDE),
    ],
)
def test_the_web_server_hears_of_the_client_and_of_nobody_else(
    balancer: Balancer, forwarded: str | None, client: str
) -> None:
    headers = {"X_Forwarded_For": forwarded} if forwarded else {}
    assert balancer.get("/api/list", **headers)[1]["x-forwarded-for"] == client


def test_where_the_service_is_reached_is_the_proxys_word(balancer: Balancer) -> None:
    heard = balancer.get("/", X_Forwarded_Proto="https", X_Forwarded_Prefix="/img")[1]
    assert (heard["x-forwarded-proto"], heard["x-forwarded-prefix"]) == ("https", "/img")
    heard = balancer.get("/")[1]
    assert (heard["x-forwarded-proto"], "x-forwarded-prefix" in heard) == ("http", False)


def test_no_log_holds_what_opens_a_file_without_a_login(balancer: Balancer) -> None:
    balancer.get("/links/sEcReT:1vOx:token")
    balancer.get("/img/media/sEcReT0123456789012345/web")
    balancer.get("/healthz/live?token=sEcReT")
    kept = "".join(file.read_text() for file in balancer.logs.glob("*.log"))
    assert 'path="/links/-"' in kept
    assert "sEcReT" not in kept
