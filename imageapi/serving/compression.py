"""JSON and YAML answers from 1 kB on, as gzip to clients that take it.

Not where an answer holds a secret and somebody else could have it fetched again and again, with words of his
own in it, and watch its length (BREACH). A token is sent by nobody but its owner, a cookie by the browser of
whoever is lured to a page. So: nothing that was asked for with a session, and no answer that makes a secret.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.conf import settings
from django.middleware.gzip import GZipMiddleware

if TYPE_CHECKING:
    from django.http import HttpRequest
    from django.http.response import HttpResponseBase

_LEAST_BYTES = 1000
_TYPES = frozenset(
    {
        "application/json",
        "application/problem+json",
        "application/vnd.oai.openapi",
        "application/vnd.oai.openapi+json",
        "application/yaml",
    }
)


class Compression(GZipMiddleware):
    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        if not _is_worth_it(response) or _is_secret(request):
            return response
        return super().process_response(request, response)


def _is_worth_it(response: HttpResponseBase) -> bool:
    """An answer with an ETag stays: compressed it would be a weak one, of no use for If-Match."""
    kind = response.get("Content-Type", "").partition(";")[0]
    is_whole = not response.streaming and "ETag" not in response
    return is_whole and kind in _TYPES and len(response.content) >= _LEAST_BYTES  # type: ignore[attr-defined]


def _is_secret(request: HttpRequest) -> bool:
    view = getattr(getattr(request.resolver_match, "func", None), "cls", None)
    return getattr(view, "makes_secrets", False) or settings.SESSION_COOKIE_NAME in request.COOKIES
