"""The Content-Security-Policy of every page: this site's, the admin's, the description's."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from django.conf import settings

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.http import HttpRequest, HttpResponseBase

_HEADER = "Content-Security-Policy"


def policy() -> str:
    """Nothing but what this host serves; renditions may come from where IMAGEAPI_MEDIA_BASE_URL says."""
    media = urlsplit(settings.MEDIA_BASE_URL)
    elsewhere = f" {media.scheme}://{media.netloc}" if media.netloc else ""
    return "; ".join(
        (
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            f"img-src 'self' blob: data:{elsewhere}",
            "connect-src 'self'",
            "form-action 'self'",
            "frame-src 'self'",  # downloads that a form asks for
            "base-uri 'none'",
            "frame-ancestors 'none'",
        )
    )


def guard(
    get_response: Callable[[HttpRequest], HttpResponseBase],
) -> Callable[[HttpRequest], HttpResponseBase]:
    """Django middleware: no page leaves without a policy."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        response = get_response(request)
        if response.get("Content-Type", "").startswith("text/html") and _HEADER not in response:
            response[_HEADER] = policy()
        return response

    return middleware
