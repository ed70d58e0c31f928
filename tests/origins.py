"""Real servers that behave well or badly, for what the service fetches and whom it calls."""

from __future__ import annotations

import http.client
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True)
class Request:
    """One request as it arrived."""

    method: str
    path: str
    headers: http.client.HTTPMessage
    body: bytes


@dataclass
class Reply:
    """What to answer; `raw` writes to the connection itself, after the head or instead of it."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    raw: Callable[[Any], None] | None = None


Behaviour = Callable[[Request], Reply]


class Origin:
    """An HTTP server on loopback; `routes` may be changed while it runs, `seen` grows with each request."""

    def __init__(self, port: int = 0) -> None:
        self.routes: dict[str, Behaviour] = {}
        self.seen: list[Request] = []
        self.changed = threading.Condition()
        self.stopping = threading.Event()
        self.active = self.most_active = 0
        self._server = _Server(("127.0.0.1", port), _Handler)
        self._server.origin = self
        self.port = int(self._server.server_address[1])
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def serve(self, path: str, reply: Reply | Behaviour) -> str:
        """Answers requests for `path` so from here on; its URL."""
        self.routes[path] = reply if callable(reply) else lambda _request: reply
        return f"{self.url}{path}"

    def requests(self, path: str) -> list[Request]:
        with self.changed:
            return [request for request in self.seen if request.path == path]

    def wait(self, path: str, count: int, seconds: float = 60) -> list[Request]:
        """The requests for `path`, once there are `count`."""
        with self.changed:
            found = lambda: [request for request in self.seen if request.path == path]  # noqa: E731
            assert self.changed.wait_for(lambda: len(found()) >= count, seconds), (path, self.seen)
            return found()

    def wait_active(self, count: int, seconds: float = 60) -> None:
        """Returns once `count` requests are being answered."""
        with self.changed:
            assert self.changed.wait_for(lambda: self.active >= count, seconds), self.active

    def close(self) -> None:
        self.stopping.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def __enter__(self) -> Origin:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128
    origin: Origin

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that hang up are what these tests are about."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"

    def _answer(self) -> None:
        origin = self.server.origin
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        request = Request(self.command, self.path, self.headers, body)
        with origin.changed:
            origin.seen.append(request)
            origin.active += 1
            origin.most_active = max(origin.most_active, origin.active)
            origin.changed.notify_all()
        try:
            behaviour = origin.routes.get(self.path)
            self._send(behaviour(request) if behaviour else Reply(404))
        finally:
            with origin.changed:
                origin.active -= 1
                origin.changed.notify_all()

    def _send(self, reply: Reply) -> None:
        self.send_response(reply.status)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        if reply.raw is None and "Content-Length" not in reply.headers:
            self.send_header("Content-Length", str(len(reply.body)))
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(reply.body)
        if reply.raw is not None:
            reply.raw(self)
        self.close_connection = True

    do_GET = do_POST = _answer

    def log_message(self, format: str, *args: Any) -> None:
        pass


def drip(origin: Origin) -> Reply:
    """A body of one byte every tenth of a second, without end."""

    def send(handler: Any) -> None:
        while not origin.stopping.wait(0.1):
            handler.wfile.write(b"x")

    return Reply(raw=send)


def endless(origin: Origin) -> Reply:
    """A body that comes as fast as it is read, without end."""

    def send(handler: Any) -> None:
        while not origin.stopping.is_set():
            handler.wfile.write(b"x" * 65_536)

    return Reply(raw=send)


def stall(origin: Origin) -> Reply:
    """Says how long the body is, and sends none of it."""
    return Reply(headers={"Content-Length": "1000"}, raw=lambda _: origin.stopping.wait(120) and None)


@contextmanager
def origin_server(port: int = 0) -> Iterator[Origin]:
    with Origin(port) as origin:
        yield origin


@contextmanager
def raw_server(answer: Callable[[socket.socket], None]) -> Iterator[int]:
    """A TCP server that hands each connection to `answer`; its port."""
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(0.1)
    over = threading.Event()

    def serve() -> None:
        while not over.is_set():
            try:
                connection, _ = listener.accept()
            except TimeoutError:
                continue
            threading.Thread(target=_handle, args=(connection, answer), daemon=True).start()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield int(listener.getsockname()[1])
    finally:
        over.set()
        thread.join()
        listener.close()


def _handle(connection: socket.socket, answer: Callable[[socket.socket], None]) -> None:
    with connection, suppress(OSError):
        answer(connection)
