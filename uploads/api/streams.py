"""Files sent in pieces, so that a large one never lies in memory."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, BinaryIO

from django.http import StreamingHttpResponse

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Generator

_PIECE = 64 * 1024  # what a client has a minute to take; see imageapi/serving/http_protocol.py


async def _pieces(file: BinaryIO, size: int) -> AsyncIterator[bytes]:
    try:
        while size and (piece := await asyncio.to_thread(file.read, min(size, _PIECE))):
            size -= len(piece)
            yield piece
    finally:
        await asyncio.to_thread(file.close)


async def _made(pieces: Generator[bytes]) -> AsyncIterator[bytes]:
    one_at_a_time = threading.Lock()  # a piece that nobody awaits any more is still being made

    def step() -> bytes | None:
        with one_at_a_time:
            return next(pieces, None)

    def end() -> None:
        with one_at_a_time:
            pieces.close()

    try:
        while (piece := await asyncio.to_thread(step)) is not None:
            yield piece
    finally:
        await asyncio.to_thread(end)


def stream_made(pieces: Generator[bytes], size: int, content_type: str) -> StreamingHttpResponse:
    """A response of `size` bytes, each piece made when the one before is on its way.

    Where a piece can't be made the connection ends before it has all its bytes.
    """
    response = StreamingHttpResponse(_made(pieces), content_type=content_type)
    response["Content-Length"] = str(size)
    return response


def stream(file: BinaryIO, size: int, content_type: str) -> StreamingHttpResponse:
    """A response of `size` bytes from where `file` stands; it takes the file over and closes it."""
    response = StreamingHttpResponse(_pieces(file, size), content_type=content_type)
    response["Content-Length"] = str(size)
    response["X-Content-Type-Options"] = "nosniff"
    return response
