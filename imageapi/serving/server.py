"""daphne, over the connections of http_protocol.py, with sockets that say why they close, and a farewell."""

from __future__ import annotations

import daphne.server  # isort: skip  (it installs the reactor, so it comes before all of Twisted)

import asyncio
import logging
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from daphne.ws_protocol import WebSocketFactory, WebSocketProtocol
from twisted.internet import defer

from imageapi.observability.metrics import SOCKETS_DROPPED
from imageapi.serving.http_protocol import Factory, Request, reactor
from imageapi.serving.inbox import Inbox
from realtime.answers.answer import Answer

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection

logger = logging.getLogger(__name__)

_MAX_FRAME = 64 * 1024
# A socket whose reader stands still may have this many bytes waiting for it.
_MAX_WAITING = 4 * 1024 * 1024
# A client that is still sending reads the close frame only when it is done.
_FAREWELL = 10
_GRACE = 5.0
_GOODBYE = 2.0


class _Socket(WebSocketProtocol):
    dropped = False

    def drop(self, code: int) -> None:
        """Ends it without waiting for its client; the application hears of it at once."""
        if self.dropped:
            return
        self.serverClose(code=code)
        self.dropped = True
        self.application_queue.put_nowait({"type": "websocket.disconnect", "code": code})
        reactor.callLater(_FAREWELL, self.transport.abortConnection)

    def serverClose(self, code: int | None = None) -> None:
        # autobahn's own way refuses the registered codes, such as 1012 and 1013 (RFC 6455, section 7.4).
        limited = cast("Any", self)
        if limited.state == limited.STATE_OPEN:
            limited.sendCloseFrame(code=code or 1000, isReply=False)

    def onMessage(self, payload: bytes, isBinary: bool) -> None:
        if not self.dropped:
            super().onMessage(payload, isBinary)

    def sendMessage(self, *args: Any, **kwargs: Any) -> None:
        if self.dropped:
            return
        # The limit is for what clients send; autobahn holds it against our own frames, too.
        limited = cast("Any", self)
        most, limited.maxMessagePayloadSize = limited.maxMessagePayloadSize, 0
        try:
            super().sendMessage(*args, **kwargs)
        finally:
            limited.maxMessagePayloadSize = most


class _SocketFactory(WebSocketFactory):
    protocol = _Socket

    def setProtocolOptions(self, **options: Any) -> None:
        # A frame too large closes with 1009; dropped without a word, it would look like a broken network.
        super().setProtocolOptions(failByDrop=False, closeHandshakeTimeout=_FAREWELL, **options)


# daphne's server makes its factories by these names, and by no other way.
daphne.server.HTTPFactory = Factory
daphne.server.WebSocketFactory = _SocketFactory


class Server(daphne.server.Server):
    """daphne's server: bodies stream, sockets that nobody reads are dropped, and the last requests end."""

    failed = False

    def __init__(self, application: Callable[..., Awaitable[Any]], host: str, port: int) -> None:
        interface = host.replace(":", r"\:")
        super().__init__(
            application,
            endpoints=[f"tcp:port={port}:interface={interface}:backlog=1024"],
            server_name="",
            websocket_max_message_size=_MAX_FRAME,
            websocket_max_frame_size=_MAX_FRAME,
        )

    def listen_error(self, failure: Any) -> None:
        self.failed = True
        super().listen_error(failure)

    def create_application(self, protocol: Any, scope: dict[str, Any]) -> Inbox | asyncio.Queue[Any] | None:
        inbox: Inbox | asyncio.Queue[Any]
        inbox = protocol.inbox if isinstance(protocol, Request) else asyncio.Queue()
        scope.setdefault("asgi", {"version": "3.0"})
        running = self.application(scope=scope, receive=inbox.get, send=partial(self.handle_reply, protocol))
        if protocol not in self.connections:
            return None
        self.connections[protocol]["application_instance"] = asyncio.ensure_future(running)
        return inbox

    async def handle_reply(self, protocol: Any, message: dict[str, Any]) -> None:
        if isinstance(protocol, Request):
            if message.get("more_body") and not protocol.finished and protocol.channel is not None:
                protocol.start_streaming()
            await super().handle_reply(protocol, message)
            await protocol.writable()
        else:
            await super().handle_reply(protocol, message)
            self._drop_if_stalled(protocol)

    def _drop_if_stalled(self, protocol: _Socket) -> None:
        """Closes a socket whose client has stopped reading; it says so, and hangs up if that isn't read."""
        transport = protocol.transport
        if protocol.dropped or transport is None or _waiting(transport) < _MAX_WAITING:
            return
        logger.warning("A socket's client stopped reading; it is dropped.")
        SOCKETS_DROPPED.inc()
        protocol.drop(4429)

    def kill_all_applications(self) -> defer.Deferred[Any]:
        """Lets requests under way end, for a moment; sockets reconnect elsewhere at once."""
        return defer.Deferred.fromFuture(asyncio.ensure_future(self._let_go()))

    async def _let_go(self) -> None:
        running = {
            details["application_instance"]: protocol
            for protocol, details in self.connections.items()
            if details.get("application_instance") and not details["application_instance"].done()
        }
        requests = [task for task, protocol in running.items() if isinstance(protocol, Request)]
        sockets = [task for task, protocol in running.items() if not isinstance(protocol, Request)]
        for protocol in running.values():
            if not isinstance(protocol, Request):
                protocol.serverClose(code=1012)
        Answer.end_all()
        # A client that reads answers the close, and its socket ends; the code would not arrive otherwise.
        await asyncio.gather(_ended(requests, _GRACE), _ended(sockets, _GOODBYE))
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)


async def _ended(tasks: Collection[asyncio.Future[Any]], seconds: float) -> None:
    if tasks:
        await asyncio.wait(tasks, timeout=seconds)


def _waiting(transport: Any) -> int:
    """Bytes Twisted holds for this connection; it has no public name for them."""
    return len(transport.dataBuffer) - transport.offset + transport._tempDataLen
