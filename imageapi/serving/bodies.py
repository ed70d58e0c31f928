"""The bodies of requests to views that want them whole: small, and counted as they come."""

from __future__ import annotations

import tempfile
from typing import IO, TYPE_CHECKING, Any, cast

from django.conf import settings
from django.core.exceptions import RequestAborted
from django.urls import Resolver404, resolve

from uploads.intake.refusals import Refused

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    Scope = dict[str, Any]


def has_body(scope: Scope) -> bool:
    return any(
        name == b"transfer-encoding" or (name == b"content-length" and value.strip(b"0"))
        for name, value in scope["headers"]
    )


def view_of(scope: Scope) -> type | None:
    """The class of the view behind this path; None for a function, and where there is none."""
    try:
        found = resolve(scope["path"].removeprefix(scope.get("root_path", "")))
    except Resolver404:
        return None
    return cast("type | None", getattr(found.func, "cls", None))


def most_of(view: type | None) -> int:
    """How many bytes a view takes; one says so in `most_body` where it is more than usual."""
    return int(getattr(view, "most_body", settings.DATA_UPLOAD_MAX_MEMORY_SIZE))


async def pieces(receive: Any) -> AsyncIterator[bytes]:
    """Raises RequestAborted where the client leaves before the end."""
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise RequestAborted
        if body := message.get("body", b""):
            yield body
        more = message.get("more_body", False)


async def collected(scope: Scope, receive: Any, most: int) -> IO[bytes]:
    """The whole body. Raises Refused with 413 as soon as it is known to be larger than `most` bytes."""
    length = _length(scope)
    if length is not None and length > most:
        raise _too_large(length, most)
    body = tempfile.SpooledTemporaryFile(max_size=settings.FILE_UPLOAD_MAX_MEMORY_SIZE)  # noqa: SIM115 (the caller's)
    size = 0
    try:
        async for piece in pieces(receive):
            size += len(piece)
            if size > most:
                raise _too_large(size, most)
            body.write(piece)
    except BaseException:
        body.close()
        raise
    if length is None:
        # Django and DRF know no body without a length.
        kept = [header for header in scope["headers"] if header[0] != b"transfer-encoding"]
        scope["headers"] = [*kept, (b"content-length", b"%d" % size)]
    body.seek(0)
    return cast("IO[bytes]", body)


def _length(scope: Scope) -> int | None:
    return next((int(value) for name, value in scope["headers"] if name == b"content-length"), None)


def _too_large(size: int, most: int) -> Refused:
    detail = f"The body has {size:,} bytes or more; allowed are {most:,}."
    return Refused(413, "body_too_large", detail, limit=most, actual=size)
