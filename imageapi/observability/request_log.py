"""Every request has an id, a line in the log, its share in the numbers."""

from __future__ import annotations

import logging
import re
import secrets
import time
from typing import TYPE_CHECKING, Any

from imageapi.observability.metrics import IN_FLIGHT, REQUEST_SECONDS, REQUESTS
from processing.plumbing.request_id import request_id

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from django.http import HttpRequest
    from django.http.response import HttpResponseBase

logger = logging.getLogger(__name__)

_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
# Asked every few seconds by machines that keep their own count.
_QUIET = re.compile(r"/(?:healthz/.*|metrics/?)")
_ROUTE = "imageapi.route"


class Observed:
    """ASGI middleware around all of HTTP: takes the client's X-Request-ID or makes one, and gives it back."""

    def __init__(self, app: Callable[..., Awaitable[Any]]) -> None:
        self.app = app

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        identity = _identity(scope)
        request_id.set(identity)
        answer = {"status": 0}
        started = time.perf_counter()

        async def sending(message: dict[str, Any]) -> None:
            if message["type"] == "http.response.start":
                answer["status"] = message["status"]
                headers = [*message.get("headers", ()), (b"X-Request-ID", identity.encode())]
                message = {**message, "headers": headers}
            await send(message)

        with IN_FLIGHT.track_inprogress():
            try:
                await self.app(scope, receive, sending)
            finally:
                _tell(scope, answer["status"], time.perf_counter() - started)


def remember_route(
    get_response: Callable[[HttpRequest], HttpResponseBase],
) -> Callable[[HttpRequest], HttpResponseBase]:
    """Django middleware: leaves the matched pattern for `Observed`, because paths are without end."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        response = get_response(request)
        match = request.resolver_match
        if match is not None and hasattr(request, "scope"):
            request.scope[_ROUTE] = f"/{match.route}".rstrip("/")
        return response

    return middleware


def _identity(scope: dict[str, Any]) -> str:
    given = next((value for name, value in scope["headers"] if name.lower() == b"x-request-id"), b"")
    text = given.decode("latin-1")
    return text if _ID.fullmatch(text) else secrets.token_hex(16)


def _tell(scope: dict[str, Any], status: int, seconds: float) -> None:
    route = scope.get(_ROUTE, "none")
    method = scope["method"] if scope["method"] in _METHODS else "other"
    REQUESTS.labels(method, route, str(status)).inc()
    REQUEST_SECONDS.labels(route).observe(seconds)
    fields = {"method": method, "path": scope["path"], "status": status, "ms": round(seconds * 1000, 1)}
    level = logging.DEBUG if _QUIET.fullmatch(scope["path"]) else logging.INFO
    logger.log(level, "request", extra=fields)
