"""Conditional requests (RFC 9110, section 13)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.utils.cache import get_conditional_response

from uploads.api.problems import problem_response
from uploads.intake.refusals import Refused

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse
    from django.http.response import HttpResponseBase


def unless_needless(
    request: HttpRequest, etag: str, response: HttpResponse | None = None
) -> HttpResponseBase | None:
    """304 where the client has this version, 412 where it means another one; else `response`."""
    found: HttpResponseBase | None = get_conditional_response(request, etag=etag, response=response)
    if found is not None and found.status_code == 412:
        detail = f"This is not the version that If-Match asks for: its ETag is {etag}."
        found = problem_response(Refused(412, "precondition_failed", detail))
        found["ETag"] = etag
    return found
