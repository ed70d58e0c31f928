"""Twisted's and daphne's HTTP connection and request, with limits, waits, and every refusal as problem+json.

What is changed, and why:

- Twisted spools a body before anyone is asked, and parses a multipart one on the event loop. daphne then puts
  the whole of it into a queue in memory. Here the application begins when the headers are there, takes the
  body as it arrives, and may answer before it ends.
- Neither has a limit on a body's size or on the time it takes to come, and both answer errors in HTML.
- daphne writes as fast as the application sends, however slowly the client reads, and writes to HEAD.
- A request line in absolute form, a request without a Host or with two: as RFC 9112 (section 3.2) has them.

The names of theirs that are used and not documented are listed, and looked for at the start, in borrowed.py.
"""

from __future__ import annotations

import daphne.server  # isort: skip  (it installs the reactor, so it comes before all of Twisted)

import asyncio
import io
import json
import re
from typing import Any, cast

from daphne.http_protocol import HTTPFactory, WebRequest
from django.conf import settings
from twisted.web import http

from imageapi.serving import borrowed
from imageapi.serving.inbox import Inbox
from uploads.api.problems import body as problem_body

# Twisted's own types do not know what its modules become when they are set up.
reactor: Any = daphne.server.reactor

# What a refused client still sends is read and dropped: for so long after the last of it, and so long in all.
_QUIET = 2.0
_LINGER = 30.0
# For a request's first line and headers. The limit on the whole request begins with its headers.
_HEADER_SECONDS = 20.0
_INTERIM = {104: b"Upload Resumption Supported"}
_ABSOLUTE = re.compile(rb"https?://([^/?#@]+)([/?].*|)", re.IGNORECASE | re.DOTALL)
# For a client to take one piece of an answer, at most 64 KiB: a reader of a kilobyte a second just passes.
_PIECE_SECONDS = 60.0

# RFC 9110, section 15.5.6: a 405 names what is allowed, here by the server as a whole.
_ALLOW = "Allow: GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS\r\n"


class Channel(http.HTTPChannel):
    """A connection whose every refusal is a problem+json answer."""

    MAX_LENGTH = 16_384
    refused = False
    requests: list[Any]
    _due: Any = None
    _ends: tuple[Any, ...] = ()

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
        for end in self._ends:
            if end.active():
                end.cancel()
        cast("Any", super()).connectionLost(reason)

    def refuse(self, status: int, code: str, detail: str) -> None:
        """Answers at once and ends the connection."""
        body = json.dumps(problem_body(status, code, detail)).encode()
        head = (
            f"HTTP/1.1 {status} {http.RESPONSES.get(status, b'').decode()}\r\n"
            f"Content-Type: application/problem+json\r\nContent-Length: {len(body)}\r\n"
            f"{_ALLOW if status == 405 else ''}Connection: close\r\n\r\n"
        )
        self.refused = True
        channel = cast("Any", self)
        channel.transport.write(head.encode() + body)
        self.linger()

    def linger(self) -> None:
        """Swallows what is still coming for a while, then closes.

        Closing at once would reset the connection under a client that is still sending, before it reads.
        """
        channel = cast("Any", self)
        channel.persistent = False
        channel.setTimeout(None)
        channel.transport.resumeProducing()
        quiet = reactor.callLater(_QUIET, channel.transport.loseConnection)
        self._ends = (quiet, reactor.callLater(_LINGER, channel.transport.abortConnection))
        channel.lineReceived = channel.rawDataReceived = lambda *_: None
        channel.dataReceived = lambda *_: quiet.active() and quiet.reset(_QUIET)

    def requestDone(self, request: Any) -> None:
        if request.is_whole:
            cast("Any", super()).requestDone(request)
        else:
            self.requests.remove(request)
            self.linger()

    def timeoutConnection(self) -> None:
        receiving = self.requests[-1] if self.requests else None
        if receiving is not None and receiving.is_paused:
            cast("Any", self).setTimeout(cast("Any", self).timeOut)  # it is we who are slow
        elif receiving is not None and receiving.has_begun and not receiving.is_whole:
            receiving.refuse(408, "request_timeout", "Nothing more of the body has come for a while.")
        else:
            cast("Any", super()).timeoutConnection()

    def _send100Continue(self) -> None:
        """Not yet: a client that waits for this need not send what is refused."""
        if self.requests:
            self.requests[-1].is_awaited = True

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
    """A request that begins with its headers: limits on its body and its time, and a wait for its reader."""

    is_whole = False  # all of the body is there
    has_begun = False  # the application has it
    is_paused = False
    is_awaited = False  # the client waits for 100 Continue

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, parsePOSTFormSubmission=False, **kwargs)
        self.inbox = Inbox(self)
        self._writable = asyncio.Event()
        self._writable.set()
        self._came = 0
        self.channel.began()
        self._seconds: float = header_seconds()
        self._deadline = reactor.callLater(self._seconds, self._late)

    def _late(self) -> None:
        self.refuse(408, "request_timeout", f"The request took longer than {self._seconds:g} s to arrive.")

    def refuse(self, status: int, code: str, detail: str) -> None:
        """Ends the request here, whatever the application makes of it."""
        self._arrived()
        self.inbox.leave()
        if self._response_started:
            self.channel.transport.abortConnection()
        else:
            self.channel.refuse(status, code, detail)

    def gotLength(self, length: int | None) -> None:
        """The headers are there. `length` is None for a chunked body."""
        self.content: io.BytesIO = io.BytesIO()  # daphne's and Twisted's own reading finds nothing
        if self.channel.refused:
            return
        if length is not None and length > settings.MAX_BODY_BYTES:
            self._refuse_size(length)
        elif length != 0 and self.requestHeaders.hasHeader(b"Upgrade"):
            self.refuse(400, "bad_request", "A request for another protocol has no body.")
        elif length != 0:
            self._seconds = settings.BODY_SECONDS
            self._deadline.reset(self._seconds)
            self._begin(*borrowed.request_line(self.channel))

    def _begin(self, command: bytes, target: bytes, version: bytes) -> None:
        self.has_begun = True
        super().requestReceived(command, self._in_origin_form(target), version)

    def handleContentChunk(self, data: bytes) -> None:
        self._came += len(data)
        if self._came > settings.MAX_BODY_BYTES:
            self._refuse_size(self._came)
        elif not self.channel.refused:
            self.inbox.feed(data)

    def requestReceived(self, command: bytes, path: bytes, version: bytes) -> None:
        """All of it is there."""
        self.is_whole = True
        self._arrived()
        self.inbox.end()
        if not self.has_begun and not self.channel.refused:
            self._begin(command, path, version)

    def _refuse_size(self, size: int) -> None:
        detail = (
            f"The body has {size:,} bytes or more; this server takes at most {settings.MAX_BODY_BYTES:,}."
        )
        self.refuse(413, "body_too_large", detail)

    def _in_origin_form(self, target: bytes) -> bytes:
        """The path of a target in absolute form, whose authority stands for the Host (RFC 9112, 3.2.2)."""
        match = _ABSOLUTE.fullmatch(target)
        if not match:
            return target
        self.requestHeaders.setRawHeaders(b"Host", [match[1]])
        return match[2] if match[2].startswith(b"/") else b"/" + match[2]

    def _arrived(self) -> None:
        if self._deadline.active():
            self._deadline.cancel()

    def process(self) -> Any:
        if self.channel.refused:
            return None
        hosts = self.requestHeaders.getRawHeaders(b"Host", ())
        if len(hosts) > 1 or (not hosts and self.clientproto == b"HTTP/1.1"):
            return self.refuse(400, "bad_request", "A request names one Host (RFC 9112, section 3.2).")
        if self.method in (b"TRACE", b"CONNECT"):
            return self.refuse(405, "method_not_allowed", f"{self.method.decode()} is not for this server.")
        if not all(map(bytes.isascii, self.requestHeaders.getRawHeaders(b"sec-websocket-protocol", ()))):
            # daphne would read them as ASCII, and answer 500.
            return self.basic_error(400, b"Bad Request", "Subprotocols are ASCII.")
        return super().process()

    def connectionLost(self, reason: Any) -> None:
        self._arrived()
        self._writable.set()
        self.inbox.leave()
        super().connectionLost(reason)

    # What the inbox asks of its sender (imageapi.serving.inbox.Sender).

    def ask(self) -> None:
        if self.is_awaited and not self.is_whole and not self._response_started:
            self.channel.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def pause_body(self) -> None:
        if not self.is_whole:
            self.is_paused = True
            self.channel.transport.pauseProducing()

    def resume_body(self) -> None:
        if self.is_paused and not self.is_whole and not self.finished and self.channel is not None:
            self.is_paused = False
            self.channel.transport.resumeProducing()

    def basic_error(self, status: int, status_text: bytes, body: str) -> None:
        if self._response_started:
            # Its rest never comes: on a connection left open the client would wait for it.
            if not self.finished and self.channel is not None:
                self.channel.transport.abortConnection()
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
        if self.finished or self.channel is None or self.channel.refused:
            return
        if message["type"] == "http.response.interim":
            self._interim(message)
            return
        if message["type"] == "http.response.start" and not self.is_whole:
            # What is still to come of the body would be taken for the next request.
            self.channel.persistent = False
            self.responseHeaders.setRawHeaders(b"Connection", [b"close"])
        # daphne writes past what Twisted does for HEAD, and a body there is taken for the next answer.
        if self.method == b"HEAD" and message["type"] == "http.response.body":
            message = {**message, "body": b""}
        super().handle_reply(message)

    def _interim(self, message: dict[str, Any]) -> None:
        """An answer before the answer (RFC 9110, section 15.2); older clients would take it for that."""
        if self._response_started or self.clientproto != b"HTTP/1.1":
            return
        reason = _INTERIM.get(message["status"], b"")
        lines = [b"HTTP/1.1 %d %s" % (message["status"], reason)]
        lines += [name + b": " + value for name, value in message["headers"]]
        self.channel.transport.write(b"\r\n".join([*lines, b"", b""]))

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
