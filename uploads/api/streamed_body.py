"""A request's body handed to its view as it arrives.

A view of this kind is called as soon as the headers are there, before its body is. What it answers then is
the answer: a refusal ends the request at its first bytes. Or it returns `self.receive(request, sink)`: the
server then gives the sink each piece as it comes, and answers what the sink's `finish` answers.

    class Receiver(StreamsBody, APIView):
        def put(self, request: Request) -> HttpResponseBase:
            return self.receive(request, MySink(account(request)))

No thread is held while nothing arrives. `length_of(request)` says how much will come, where the client does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, cast

from django.http import HttpResponse
from rest_framework.views import APIView

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.http import HttpResponseBase
    from rest_framework.request import Request

_OF_THE_BODY = {"content-length", "content-type"}


class Sink(Protocol):
    """What takes a body. Called on request threads, one call at a time, in order; none may wait for long.

    With an attribute `interim` (headers) these are sent ahead, in an interim answer 104.
    """

    def write(self, data: bytes) -> None:
        """The next piece, of any size. What it raises ends the request, and is answered as in a view."""

    def finish(self) -> HttpResponseBase:
        """All of it is there: the answer. What it raises is answered as in a view."""

    def abandon(self) -> None:
        """In place of `finish`: the client has left before the end, was too slow, or `write` has raised."""


class BodyWanted(HttpResponse):
    """What such a view returns: not an answer yet. Its headers, set by middleware, go into the answer."""

    def __init__(self, view: APIView, request: Request, sink: Sink) -> None:
        super().__init__()
        self._view = view
        self._asked = request
        self._sink = sink

    @property
    def interim(self) -> dict[str, str]:
        """Headers of an answer 104 to be sent before the body is taken; none: no such answer."""
        return getattr(self._sink, "interim", {})

    def take(self, data: bytes) -> HttpResponseBase | None:
        """Gives the sink a piece; an answer where that was the end of it."""
        try:
            self._sink.write(data)
        except Exception as error:
            refused = error
            self._sink.abandon()
            return self._answer(lambda: _raise(refused))
        return None

    def complete(self) -> HttpResponseBase:
        return self._answer(self._sink.finish)

    def abandon(self) -> None:
        self._sink.abandon()

    def _answer(self, make: Callable[[], HttpResponseBase]) -> HttpResponseBase:
        view = cast("Any", self._view)
        try:
            response = make()
        except Exception as error:
            response = view.handle_exception(error)
        response = view.finalize_response(self._asked, response, *view.args, **view.kwargs)
        if hasattr(response, "render"):
            response.render()
        for name, value in self.items():
            if name.lower() not in _OF_THE_BODY:
                response.headers.setdefault(name, value)
        response.cookies.update(self.cookies)
        if not response.streaming:
            response.headers.setdefault("Content-Length", str(len(response.content)))
        return cast("HttpResponseBase", response)


class StreamsBody(APIView):
    """A view whose body comes as it arrives."""

    def receive(self, request: Request, sink: Sink) -> BodyWanted:
        return BodyWanted(self, request, sink)


def length_of(request: Request) -> int | None:
    """The body's length in bytes; None where the client does not know it (Transfer-Encoding: chunked)."""
    if "Transfer-Encoding" in request.headers:
        return None
    text = request.META.get("CONTENT_LENGTH") or "0"
    return int(text) if text.isascii() and text.isdigit() else 0


def _raise(error: Exception) -> HttpResponseBase:
    raise error
