"""A real S3 server on loopback, and a proxy before it that goes wrong on demand."""

from __future__ import annotations

import http.client
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import boto3
import pytest
from django.core.files.storage import storages

from imageapi import media
from tests.stack import free_port

ACCESS_KEY, SECRET_KEY, BUCKET = "test-access", "test-secret-0123456789", "pictures"
RCLONE = Path(sys.executable).parent / "rclone"


class ObjectServer:
    """`rclone serve s3` on a folder; stopped and started again it has the same objects and port."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.bucket = folder / BUCKET
        self.bucket.mkdir(parents=True)
        self.port = free_port()
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self.process = subprocess.Popen(
            [
                str(RCLONE),
                *("serve", "s3", str(self.folder), "--addr", f"127.0.0.1:{self.port}"),
                *("--auth-key", f"{ACCESS_KEY},{SECRET_KEY}", "--config", "/dev/null"),
                *("--vfs-cache-mode", "off", "--log-level", "ERROR"),
            ],
            stdin=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={"HOME": str(self.folder.parent), "PATH": ""},
        )
        end = time.monotonic() + 30
        while time.monotonic() < end:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                time.sleep(0.05)
        raise AssertionError("rclone does not listen")

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def delete(self, path: Path) -> None:
        """Through the server, which remembers what it has seen in its folder."""
        client = boto3.client(
            "s3",
            endpoint_url=f"http://127.0.0.1:{self.port}",
            aws_access_key_id=ACCESS_KEY,
            aws_secret_access_key=SECRET_KEY,
            region_name="us-east-1",
        )
        client.delete_object(Bucket=BUCKET, Key=str(path.relative_to(self.bucket)))
        client.close()

    def objects(self, location: str) -> list[Path]:
        return [path for path in (self.bucket / location).rglob("*") if path.is_file()]


Fault = Callable[[int, str, str], str | None]  # number, method, path: "500", "503", "cut", "drop", "slow"


class FaultProxy:
    """Hands requests on to the object server unchanged, but for those that `fault` names."""

    def __init__(self, upstream: int) -> None:
        self.upstream = upstream
        self.fault: Fault = lambda *_: None
        self.count = 0
        self.faults = 0
        self.sent = 0
        self.lock = threading.Lock()
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.proxy = self
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128
    proxy: FaultProxy

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Connections that break are what these tests are about."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def _pass_on(self) -> None:
        proxy = self.server.proxy
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        with proxy.lock:
            proxy.count += 1
            fault = proxy.fault(proxy.count, self.command, self.path)
            proxy.faults += fault is not None
        if fault == "drop":
            self.close_connection = True
            return
        if fault in ("500", "503"):
            self._answer(int(fault), [], b"<Error><Code>InternalError</Code></Error>")
            return
        if fault == "slow":
            time.sleep(2)
        upstream = http.client.HTTPConnection("127.0.0.1", proxy.upstream, timeout=30)
        try:
            upstream.request(self.command, self.path, body or None, dict(self.headers.items()))
            answer = upstream.getresponse()
            content = answer.read()
        except OSError:
            self.close_connection = True
            return
        finally:
            upstream.close()
        self._answer(answer.status, answer.getheaders(), content, cut=fault == "cut")

    def _answer(
        self, status: int, headers: list[tuple[str, str]], content: bytes, *, cut: bool = False
    ) -> None:
        self.send_response_only(status)
        known = {"content-length", "transfer-encoding", "connection"}
        for name, value in headers:
            if name.lower() not in known:
                self.send_header(name, value)
        head = self.command == "HEAD"
        length = {name.lower(): value for name, value in headers}.get("content-length")
        self.send_header("Content-Length", str(length if head and length else len(content)))
        self.end_headers()
        if not head:
            self.server.proxy.sent += len(content)
            self.wfile.write(content[: len(content) // 2] if cut else content)
        self.close_connection = self.close_connection or cut

    do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = _pass_on

    def log_message(self, format: str, *args: Any) -> None:
        pass


@contextmanager
def object_server(folder: Path) -> Iterator[tuple[ObjectServer, FaultProxy]]:
    server = ObjectServer(folder)
    server.start()
    proxy = FaultProxy(server.port)
    try:
        yield server, proxy
    finally:
        proxy.close()
        server.kill()


@contextmanager
def own_bucket(
    folder: Path, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> Iterator[tuple[ObjectServer, FaultProxy]]:
    """The storages of this process in a bucket."""
    with object_server(folder / "objects") as (server, proxy):
        for name, value in environ(proxy).items():
            monkeypatch.setenv(name, value)
        settings.STORAGES = {**settings.STORAGES, **media.storages(folder)}
        yield server, proxy
        for store in ("originals", "renditions"):
            storages[store].client(proxy.url).close()


def environ(proxy: FaultProxy) -> dict[str, str]:
    """What the service is told of the bucket."""
    return {
        "AWS_STORAGE_BUCKET_NAME": BUCKET,
        "AWS_ACCESS_KEY_ID": ACCESS_KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
        "AWS_REGION": "us-east-1",
        "AWS_S3_ENDPOINT_URL": proxy.url,
    }
