"""Browsers that have signed in before: whoever guesses at a name elsewhere can't lock them out.

After OWASP's "device cookies": the cookie proves that somebody once knew the password at this browser, and
lets nobody in by itself.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from django.conf import settings
from django.core import signing

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.http import HttpRequest, HttpResponseBase

COOKIE = "device"
_SALT = "uploads.access.devices"
_SECONDS = 180 * 24 * 3600


def known(request: HttpRequest, name: str) -> str | None:
    """The number of a browser at which this name (as `signin` spells it) has signed in; else None."""
    try:
        given = signing.loads(request.COOKIES.get(COOKIE, ""), salt=_SALT, max_age=_SECONDS)
    except signing.BadSignature:
        return None
    return str(given[1]) if given[0] == name else None


def trust(request: HttpRequest, name: str) -> None:
    """The answer to this request will carry the cookie."""
    request.trusted_device = signing.dumps([name, secrets.token_hex(8)], salt=_SALT)  # type: ignore[attr-defined]


def remember(
    get_response: Callable[[HttpRequest], HttpResponseBase],
) -> Callable[[HttpRequest], HttpResponseBase]:
    """Django middleware: sets the cookie after a sign-in at the page or the admin."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        response = get_response(request)
        if (device := getattr(request, "trusted_device", None)) is not None:
            response.set_cookie(
                COOKIE,
                device,
                max_age=_SECONDS,
                path=settings.SESSION_COOKIE_PATH,
                secure=settings.HTTPS,
                httponly=True,
                samesite="Lax",
            )
        return response

    return middleware
