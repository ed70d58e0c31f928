"""Twisted's and daphne's HTTP connection and request, with limits, waits, and every refusal as problem+json.

What is changed, and why:

- Twisted parses a multipart body on its own, on the event loop, before Django sees it: twelve bytes of memory
  for each byte uploaded, and nobody else served meanwhile. `parsePOSTFormSubmission=False` turns that off.
- daphne puts the whole body into a queue in memory. Here the application takes it piece by piece from the
  temporary file Twisted spooled it to.
- Neither has a limit on a body's size or on the time it takes to come, and both answer errors in HTML.
- daphne writes as fast as the application sends, however slowly the client reads.
"""

from __future__ import annotations

import daphne.server  # isort: skip  (it installs the reactor, so it comes before all of Twisted)

import asyncio
import io
import json
from typing import Any, cast

from daphne.http_protocol import HTTPFactory, WebRequest
from django.conf import settings
from twisted.web import http

from uploads.api.problems import body as problem_body

# Twisted's own types do not know what its modules become when they are set up.
reactor: Any = daphne.server.reactor

_PIECE = 64 * 1024
_LINGER = 2.0
# For a request's first line and headers. The limit on the whole request begins with its headers.
_HEADER_SECONDS = 20.0
# For a client to take one piece of an answer, at most 64 KiB: a reader of a kilobyte a second just passes.
_PIECE_SECONDS = 60.0


class _Nowhere(io.BytesIO):
    """Takes the rest of a refused body and keeps none of it."""

    def write(self, data: Any) -> int:
        return len(data)


class Channel(http.HTTPChannel):
    """A connection whose every refusal is a problem+json answer."""

    MAX_LENGTH = 16_384
    refused = False
    _due: Any = None

    def dataReceived(self, data: bytes) -> None:
        if not self.requests and self._due is None:
            # A byte now and then would keep the connection open for ever: each one resets Twisted's timeout.
            self._due = reactor.callLater(header_seconds(), self._late)
        cast("Any", super()).dataReceived(data)

    def _late(self) -> None:
        self.refuse(
            408, "request_timeout", f"The request's first line took longer than {header_seconds():g} s."
        )

    def began(self) -> None:
        """The first line is there: from now on the request looks after its time itself."""
        if self._due is not None and self._due.active():
            self._due.cancel()
        self._due = None

    def connectionLost(self, reason: Any = None) -> None:
        self.began()
        cast("Any", super()).connectionLost(reason)

    def refuse(self, status: int, code: str, detail: str) -> None:
        """Answers at once, swallows what is still coming for a moment, then closes.

        Closing at once would reset the connection under a client that is still sending, before it reads.
        """
        body = json.dumps(problem_body(status, code, detail)).encode()
        head = (
            f"HTTP/1.1 {status} {http.RESPONSES.get(status, b'').decode()}\r\n"
            f"Content-Type: application/problem+json\r\nContent-Length: {len(body)}\r\n"
            "Connection: close\r\n\r\n"
        )
        self.refused = True
        channel = cast("Any", self)
        channel.transport.write(head.encode() + body)
        channel.persistent = False
        channel.setTimeout(None)
        channel.dataReceived = channel.lineReceived = channel.rawDataReceived = lambda *_: None
        reactor.callLater(_LINGER, channel.transport.loseConnection)

    def _send100Continue(self) -> None:
        if not self.refused:
            cast("Any", super())._send100Continue()

    def lineLengthExceeded(self, _line: bytes) -> None:
        self.refuse(
            431, "headers_too_large", f"A request's headers take at most {self.totalHeadersSize} bytes."
        )

    def _respondToBadRequestAndDisconnect(self) -> None:
        if self._receivedHeaderSize > self.totalHeadersSize or self._receivedHeaderCount > self.maxHeaders:
            self.lineLengthExceeded(b"")
        else:
            self.refuse(400, "bad_request", "This is not HTTP as RFC 9112 writes it.")


def header_seconds() -> float:
    return min(_HEADER_SECONDS, settings.BODY_SECONDS)


class Request(WebRequest):
    """A request with a limit on its body and on its time, and a way to wait for its reader."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, parsePOSTFormSubmission=False, **kwargs)
        self._writable = asyncio.Event()
        self._writable.set()
        self.channel.began()
        self._seconds: float = header_seconds()
        self._deadline = reactor.callLater(self._seconds, self._late)

    def _late(self) -> None:
        detail = f"The request took longer than {self._seconds:g} s to arrive."
        self._refuse(408, "request_timeout", detail)

    def _refuse(self, status: int, code: str, detail: str) -> None:
        self.content: io.BytesIO = _Nowhere()
        self.channel.refuse(status, code, detail)

    def gotLength(self, length: int | None) -> None:
        if length is None:
            self._refuse(411, "length_required", "Send the body with a Content-Length, not in chunks.")
        elif length > settings.MAX_BODY_BYTES:
            detail = f"The body has {length:,} bytes; this server takes at most {settings.MAX_BODY_BYTES:,}."
            self._refuse(413, "body_too_large", detail)
        else:
            self._seconds = settings.BODY_SECONDS
            self._deadline.reset(self._seconds)
            super().gotLength(length)

    def _arrived(self) -> None:
        if self._deadline.active():
            self._deadline.cancel()

    def process(self) -> Any:
        self._arrived()
        if self.channel.refused:
            return None
        if not all(map(bytes.isascii, self.requestHeaders.getRawHeaders(b"sec-websocket-protocol", ()))):
            # daphne would read them as ASCII, and answer 500.
            return self.basic_error(400, b"Bad Request", "Subprotocols are ASCII.")
        return super().process()

    def connectionLost(self, reason: Any) -> None:
        self._arrived()
        self._writable.set()
        super().connectionLost(reason)

    def take_content(self) -> io.BufferedIOBase:
        """The spooled body; daphne's own loop finds an empty one in its place."""
        content, self.content = self.content, io.BytesIO()
        return content

    def basic_error(self, status: int, status_text: bytes, body: str) -> None:
        if self._response_started:
            self.finish()
            return
        code = "server_error" if status >= 500 else "bad_request"
        content = json.dumps(problem_body(status, code, body)).encode()
        headers = [
            (b"Content-Type", b"application/problem+json"),
            (b"Content-Length", str(len(content)).encode()),
        ]
        self.handle_reply({"type": "http.response.start", "status": status, "headers": headers})
        self.handle_reply({"type": "http.response.body", "body": content})

    def handle_reply(self, message: dict[str, Any]) -> None:
        # daphne writes past what Twisted does for HEAD, and a body there is taken for the next answer.
        if self.method == b"HEAD" and message["type"] == "http.response.body":
            message = {**message, "body": b""}
        super().handle_reply(message)

    # The push producer of a streamed answer (twisted.internet.interfaces.IPushProducer).

    def start_streaming(self) -> None:
        if self.producer is None:
            self.registerProducer(self, True)

    def pauseProducing(self) -> None:
        self._writable.clear()

    def resumeProducing(self) -> None:
        self._writable.set()

    def stopProducing(self) -> None:
        self._writable.set()

    async def writable(self) -> None:
        """Waits until the last piece is with the system. One that stays for too long ends the connection."""
        try:
            async with asyncio.timeout(_PIECE_SECONDS):
                await self._writable.wait()
        except TimeoutError:
            if not self.finished and self.channel is not None:
                self.channel.transport.abortConnection()
            await self._writable.wait()

    def finish(self) -> None:
        if self.producer is self:
            self.unregisterProducer()
        self._writable.set()
        super().finish()


class Factory(HTTPFactory):
    """What daphne makes its HTTP connections by."""

    protocol = Channel

    def buildProtocol(self, addr: Any) -> Any:
        protocol = super().buildProtocol(addr)
        protocol.requestFactory = Request
        return protocol


class Inbox(asyncio.Queue[dict[str, Any]]):
    """What the application receives: the body from its file, then whatever daphne has to say."""

    def __init__(self, content: io.BufferedIOBase) -> None:
        super().__init__()
        self._content: io.BufferedIOBase | None = content

    def put_nowait(self, item: dict[str, Any]) -> None:
        if item["type"] == "http.request":
            return  # daphne's reading of the empty body left in place of the real one
        if item["type"] == "http.disconnect":
            self._close()
        super().put_nowait(item)

    async def get(self) -> dict[str, Any]:
        if self._content is None:
            return await super().get()
        piece = self._content.read(_PIECE)
        more = len(piece) == _PIECE
        if not more:
            self._close()
        return {"type": "http.request", "body": piece, "more_body": more}

    def _close(self) -> None:
        if self._content is not None:
            self._content.close()
            self._content = None
