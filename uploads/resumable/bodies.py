"""A request's body, piece by piece: the one place that knows how bodies come."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.http.request import UnreadablePostError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rest_framework.request import Request

_PIECE = 256 * 1024


class Body:
    """Iterable once. `size`: its bytes, where the request says so; `broke`: it ended before its end."""

    def __init__(self, request: Request) -> None:
        self._stream = request._request
        self.size = _content_length(request)
        self.broke = False

    @property
    def is_there(self) -> bool:
        """Whether there is one at all; one of no bytes counts as none."""
        return self.size is None or self.size > 0

    def __iter__(self) -> Iterator[bytes]:
        came = 0
        try:
            while piece := self._stream.read(_PIECE):
                came += len(piece)
                yield piece
        except UnreadablePostError:
            self.broke = True
        if self.size is not None and came < self.size:
            self.broke = True


def _content_length(request: Request) -> int | None:
    """None for a chunked body."""
    if request.headers.get("Transfer-Encoding"):
        return None
    text = request.META.get("CONTENT_LENGTH") or "0"
    return int(text) if text.isascii() and text.isdigit() else 0
