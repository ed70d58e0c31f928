"""A client of each protocol, as plain as its specification: one method a request."""

from __future__ import annotations

import base64
import socket
from dataclasses import dataclass
from typing import Any

import httpx

BYTES = "application/offset+octet-stream"
VERSION = {"Tus-Resumable": "1.0.0"}


@dataclass
class Tus:
    """tus 1.0.0 over an HTTP client that has its credentials."""

    http: httpx.Client

    def create(self, length: int | None, body: bytes | None = None, **headers: str) -> httpx.Response:
        given = {"Upload-Defer-Length": "1"} if length is None else {"Upload-Length": str(length)}
        typed = {} if body is None else {"Content-Type": BYTES}
        return self.http.post(
            "/api/uploads", content=body or b"", headers={**VERSION, **given, **typed, **spelt(headers)}
        )

    def created(self, length: int | None, **headers: str) -> str:
        """The Location of a new upload."""
        answer = self.create(length, **headers)
        assert answer.status_code == 201, answer.text
        return answer.headers["Location"]

    def patch(self, url: str, offset: int, body: Any, **headers: str) -> httpx.Response:
        given = {**VERSION, "Content-Type": BYTES, "Upload-Offset": str(offset), **spelt(headers)}
        return self.http.patch(url, content=body, headers={k: v for k, v in given.items() if v})

    def head(self, url: str) -> httpx.Response:
        return self.http.head(url, headers=VERSION)

    def offset(self, url: str) -> int:
        return int(self.head(url).headers["Upload-Offset"])

    def delete(self, url: str) -> httpx.Response:
        return self.http.delete(url, headers=VERSION)


def spelt(headers: dict[str, str]) -> dict[str, str]:
    """`Upload_Length` as `Upload-Length`."""
    return {name.replace("_", "-"): value for name, value in headers.items()}


def metadata(**values: str) -> str:
    return ",".join(f"{key} {base64.b64encode(value.encode()).decode()}" for key, value in values.items())


PARTIAL = "application/partial-upload"


@dataclass
class Draft:
    """The IETF's protocol over an HTTP client that has its credentials."""

    http: httpx.Client
    interop: int = 8

    def create(self, body: Any, complete: str, path: str = "/api/uploads", **headers: str) -> httpx.Response:
        given = {"Upload-Complete": complete, **self._version(), **spelt(headers)}
        return self.http.post(path, content=body, headers=given)

    def created(self, length: int | None = None) -> str:
        given = {} if length is None else {"Upload_Length": str(length)}
        answer = self.create(b"", "?0", **given)
        assert answer.status_code == 201, answer.text
        return answer.headers["Location"]

    def patch(self, url: str, offset: int, body: Any, complete: str, **headers: str) -> httpx.Response:
        typed = {} if self.interop <= 5 else {"Content-Type": PARTIAL}
        given = {"Upload-Offset": str(offset), "Upload-Complete": complete, **typed, **self._version()}
        return self.http.patch(url, content=body, headers={**given, **spelt(headers)})

    def head(self, url: str) -> httpx.Response:
        return self.http.head(url, headers=self._version())

    def _version(self) -> dict[str, str]:
        return {"Upload-Draft-Interop-Version": str(self.interop)}


class Broken:
    """A request whose client sends a part of its body, and then hangs up, or waits."""

    def __init__(self, url: str, method: str, path: str, headers: dict[str, str], sent: bytes) -> None:
        host, _, port = url.removeprefix("http://").partition(":")
        self._socket = socket.create_connection((host, int(port)), timeout=60)
        lines = [f"{method} {path} HTTP/1.1", f"Host: {host}:{port}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        self._socket.sendall("\r\n".join([*lines, "", ""]).encode() + sent)

    def send(self, data: bytes) -> None:
        self._socket.sendall(data)

    def answer(self) -> bytes:
        """The head of the answer."""
        found = b""
        while b"\r\n\r\n" not in found and (piece := self._socket.recv(65536)):
            found += piece
        return found

    def hang_up(self) -> None:
        self._socket.close()
