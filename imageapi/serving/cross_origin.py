"""CORS (Fetch standard, section 3.2): pages of the origins in IMAGEAPI_CORS_ORIGINS may call with a token.

In front of Django and of everything that refuses a body before Django sees it: without these headers a page
could not read the refusal. Cookies are never taken: `Access-Control-Allow-Credentials` is not sent, and a
cookie that comes from another origin all the same is dropped.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from django.conf import settings

from uploads.access.origins import is_foreign

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    Headers = list[tuple[bytes, bytes]]

# What takes a token, and what a token leads to. The page and the admin are for their own origin.
_OPEN = re.compile(r"/(?:api|imgproc|ping|pong|links|media|healthz)(?:/|$)")
_METHODS = b"GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"
_NAMES = re.compile(rb"[A-Za-z0-9!#$%&'*+.^_`|~, \t-]{1,2000}")
_SECONDS = b"7200"  # as long as Chromium keeps one
EXPOSED = (
    *("Accept-Ranges", "Allow", "Content-Disposition", "Content-Location", "Content-Range", "ETag"),
    *("Last-Modified", "Link", "Location", "RateLimit", "RateLimit-Policy", "Retry-After"),
    *("Tus-Checksum-Algorithm", "Tus-Extension", "Tus-Max-Size", "Tus-Resumable", "Tus-Version"),
    *("Upload-Complete", "Upload-Concat", "Upload-Defer-Length", "Upload-Draft-Interop-Version"),
    *("Upload-Expires", "Upload-Length", "Upload-Limit", "Upload-Metadata", "Upload-Offset"),
    *("WWW-Authenticate", "X-Image-Id", "X-Request-ID"),
)


class CrossOrigin:
    """ASGI middleware of HTTP: answers preflights, and lets allowed origins read the answers."""

    def __init__(self, app: Callable[..., Awaitable[Any]]) -> None:
        self.app = app

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        if not settings.CORS_ORIGINS or not _OPEN.match(scope["path"]):
            await self.app(scope, receive, send)
            return
        given = dict(scope["headers"])
        origin = given.get(b"origin", b"")
        is_allowed = "*" in settings.CORS_ORIGINS or origin.decode("latin-1") in settings.CORS_ORIGINS
        allowed = _allowing(origin) if origin and is_allowed else [(b"Vary", b"Origin")]
        if scope["method"] == "OPTIONS" and b"access-control-request-method" in given and len(allowed) > 1:
            await _answer_preflight(send, allowed, given)
            return
        if is_foreign(origin.decode("latin-1"), given.get(b"host", b"").decode("latin-1")):
            scope["headers"] = [(name, value) for name, value in scope["headers"] if name != b"cookie"]
        await self.app(scope, receive, _adding(allowed, send))


def _allowing(origin: bytes) -> Headers:
    """The origin itself also where all are allowed: what is kept for one is then never shown to another."""
    exposed = ", ".join(EXPOSED).encode()
    return [
        (b"Access-Control-Allow-Origin", origin),
        (b"Access-Control-Expose-Headers", exposed),
        (b"Vary", b"Origin"),
    ]


def _adding(headers: Headers, send: Any) -> Any:
    async def sending(message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message.get("headers", ()), *headers]}
        await send(message)

    return sending


async def _answer_preflight(send: Any, allowed: Headers, given: dict[bytes, bytes]) -> None:
    """Allows whatever headers are asked for: a header lets nobody in, and clients have many of their own."""
    names = given.get(b"access-control-request-headers", b"")
    headers = [
        *allowed,
        (b"Access-Control-Allow-Methods", _METHODS),
        (b"Access-Control-Allow-Headers", names if _NAMES.fullmatch(names) else b"Authorization"),
        (b"Access-Control-Max-Age", _SECONDS),
        (b"Content-Length", b"0"),
    ]
    await send({"type": "http.response.start", "status": 204, "headers": headers})
    await send({"type": "http.response.body", "body": b""})
