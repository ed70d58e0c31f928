"""The path below which the service is reached, such as /img."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.urls import set_script_prefix

from imageapi.env import PREFIX

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

_PATHS = (b"location", b"content-location")


class Prefix:
    """ASGI middleware: takes it from FORCE_SCRIPT_NAME, or from the X-Forwarded-Prefix of a trusted proxy.

    It becomes the `root_path`; whether the proxy leaves it in the path or not, HTTP goes on without.
    """

    def __init__(self, app: Callable[..., Awaitable[Any]]) -> None:
        self.app = app

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> Any:
        prefix = settings.FORCE_SCRIPT_NAME or (_forwarded(scope) if settings.BEHIND_PROXY else "")
        path = scope["path"]
        if prefix and (path == prefix or path.startswith(f"{prefix}/")):
            path = path.removeprefix(prefix) or "/"
        if scope["type"] == "websocket":  # Channels wants it there
            path = prefix + path
        set_script_prefix(f"{prefix}/")
        if prefix and scope["type"] == "http":
            send = _prefixing(prefix, send)
        # Always: daphne believes a header Daphne-Root-Path, whoever sends it.
        return await self.app({**scope, "root_path": prefix, "path": path}, receive, send)


def _prefixing(prefix: str, send: Any) -> Any:
    """Puts the prefix before the paths in Location and Content-Location that have none yet."""

    def completed(name: bytes, value: bytes) -> tuple[bytes, bytes]:
        is_path = name.lower() in _PATHS and value.startswith(b"/") and not value.startswith(b"//")
        is_below = value == prefix.encode() or value.startswith(f"{prefix}/".encode())
        return name, prefix.encode() + value if is_path and not is_below else value

    async def sending(message: dict[str, Any]) -> None:
        if message["type"] in {"http.response.start", "http.response.interim"}:
            message = {**message, "headers": [completed(*header) for header in message.get("headers", ())]}
        await send(message)

    return sending


def _forwarded(scope: dict[str, Any]) -> str:
    given = [value for name, value in scope["headers"] if name.lower() == b"x-forwarded-prefix"]
    prefix = given[-1].decode("latin-1").rstrip("/") if given else ""
    return prefix if PREFIX.fullmatch(prefix) else ""
