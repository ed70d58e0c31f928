"""Where a browser's request comes from: a page of this site, or of another (RFC 6454)."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from django.conf import settings

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.http import HttpRequest, HttpResponseBase

_DEFAULT_PORTS = {"http": ":80", "https": ":443"}


def is_foreign(origin: str | None, host: str) -> bool:
    """Whether a browser sent this from a page of another site; `host` is the request's Host header."""
    if not origin:
        return False
    return not _is_same(origin, host) and origin not in settings.CSRF_TRUSTED_ORIGINS


def _is_same(origin: str, host: str) -> bool:
    """Whether both name one host and port; an Origin never writes the scheme's own port, a Host may."""
    try:
        parts = urlsplit(origin)
    except ValueError:
        return False
    port = _DEFAULT_PORTS.get(parts.scheme, "")
    return parts.netloc.lower().removesuffix(port) == host.lower().removesuffix(port)


def without_default_port(
    get_response: Callable[[HttpRequest], HttpResponseBase],
) -> Callable[[HttpRequest], HttpResponseBase]:
    """Django middleware: its CSRF check compares Host and Origin letter by letter."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        if host := request.META.get("HTTP_HOST"):
            request.META["HTTP_HOST"] = host.removesuffix(_DEFAULT_PORTS[request.scheme or "http"])
        return get_response(request)

    return middleware
