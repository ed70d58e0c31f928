"""A client of each protocol, as plain as its specification: one method a request."""

from __future__ import annotations

import base64
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
