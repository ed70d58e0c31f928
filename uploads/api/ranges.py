"""One part of a file, as RFC 9110 (section 14) lets a client ask for it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, BinaryIO

from django.http import HttpResponse

from uploads.api.conditions import unless_needless
from uploads.api.problems import problem_response
from uploads.api.streams import stream
from uploads.intake.refusals import Refused

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.http import HttpRequest
    from django.http.response import HttpResponseBase

_RANGE = re.compile(r"bytes=([0-9]{0,18})-([0-9]{0,18})", re.IGNORECASE)


class Unsatisfiable(ValueError):
    """The file has no such part."""


def part_of(header: str, size: int) -> range | None:
    """The bytes asked for; None for a header that asks for all, or for what only multipart could answer.

    Raises Unsatisfiable.
    """
    match = _RANGE.fullmatch(header.replace(" ", ""))
    if not match or match[1] == match[2] == "":
        return None
    if match[1] == "":
        first, last = max(0, size - int(match[2])), size - 1
    else:
        first, last = int(match[1]), min(int(match[2] or size - 1), size - 1)
        if match[2] and int(match[2]) < first:
            return None
    if first >= size or last < first:
        raise Unsatisfiable
    return range(first, last + 1)


def answer(
    request: HttpRequest, open_part: Callable[[range], BinaryIO], *, size: int, content_type: str, etag: str
) -> HttpResponseBase:
    """The file, or its part, or 304, or 416; `etag` is strong. Raises what `open_part` raises.

    `open_part` opens the file where these of its bytes begin; none of them are read for a HEAD.
    """
    response = unless_needless(request, etag)
    if response is None:
        try:
            part = _asked_part(request, size, etag)
            response = _sent(request, open_part, part, size, content_type)
        except Unsatisfiable:
            response = problem_response(
                Refused(416, "range_not_satisfiable", f"The file has {size:,} bytes.")
            )
            response["Content-Range"] = f"bytes */{size}"
    response["ETag"] = etag
    response["Accept-Ranges"] = "bytes"
    return response


def _asked_part(request: HttpRequest, size: int, etag: str) -> range | None:
    # A part of another version than the client's would not fit what it has.
    if request.headers.get("If-Range", etag) != etag:
        return None
    return part_of(request.headers.get("Range", ""), size)


def _sent(
    request: HttpRequest,
    open_part: Callable[[range], BinaryIO],
    part: range | None,
    size: int,
    content_type: str,
) -> HttpResponseBase:
    sent = part or range(size)
    if request.method == "HEAD":
        open_part(range(0)).close()
        response: HttpResponseBase = HttpResponse(content_type=content_type)
        response["Content-Length"] = str(len(sent))
    else:
        response = stream(open_part(sent), len(sent), content_type)
    response["X-Content-Type-Options"] = "nosniff"
    if part:
        response.status_code = 206
        response["Content-Range"] = f"bytes {part.start}-{part.stop - 1}/{size}"
    return response
