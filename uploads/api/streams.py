"""Files sent in pieces, so that a large one never lies in memory."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, BinaryIO

from django.http import StreamingHttpResponse

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

_PIECE = 64 * 1024  # what a client has a minute to take; see imageapi/serving/http_protocol.py


async def _pieces(file: BinaryIO, size: int) -> AsyncIterator[bytes]:
    try:
        while size and (piece := await asyncio.to_thread(file.read, min(size, _PIECE))):
            size -= len(piece)
            yield piece
    finally:
        await asyncio.to_thread(file.close)


def stream(file: BinaryIO, size: int, content_type: str) -> StreamingHttpResponse:
    """A response of `size` bytes from where `file` stands; it takes the file over and closes it."""
    response = StreamingHttpResponse(_pieces(file, size), content_type=content_type)
    response["Content-Length"] = str(size)
    response["X-Content-Type-Options"] = "nosniff"
    return response
