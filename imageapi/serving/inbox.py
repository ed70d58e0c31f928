"""What the application receives of one request: its body as it arrives, then that the client has left."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    Message = dict[str, Any]

# What may wait here before the application asks for it, and while it takes it.
_UNASKED = 64 * 1024
_ASKED = 256 * 1024
# A sender of many small pieces is heard a few times a second only.
_ENOUGH = 32 * 1024
_MOMENT = 0.02


class Sender(Protocol):
    """The connection a body comes from."""

    def ask(self) -> None:
        """The application wants the body: sends `100 Continue` where the client waits for it."""

    def pause_body(self) -> None: ...

    def resume_body(self) -> None: ...


class Inbox:
    """Holds little: where the application is slower than the network, the network waits."""

    def __init__(self, sender: Sender) -> None:
        self._sender = sender
        self._pieces: list[bytes] = []
        self._size = 0
        self._most = _UNASKED
        self._paused = False
        self._ended = False
        self._told_end = False
        self._gone = False
        self._news = asyncio.Event()

    def feed(self, data: bytes) -> None:
        self._pieces.append(data)
        self._size += len(data)
        if self._size >= self._most and not self._paused:
            self._paused = True
            self._sender.pause_body()
        self._news.set()

    def end(self) -> None:
        """The whole body has been fed."""
        self._ended = True
        self._news.set()

    def leave(self) -> None:
        """The client has gone, or was refused below the application."""
        self._gone = True
        self._news.set()

    def put_nowait(self, message: Message) -> None:
        """daphne's way in. Its own reading of the body finds an empty one in place of the real one."""
        if message["type"] == "http.disconnect":
            self.leave()

    async def get(self) -> Message:
        """The application's `receive`."""
        if not self._told_end:
            self._ask()
            await self._until(lambda: bool(self._pieces) or self._ended or self._gone)
            if self._pieces and not self._ended and self._size < _ENOUGH:
                await self._a_moment()
            if self._pieces or self._ended:
                return self._body()
        await self._until(lambda: self._gone)
        return {"type": "http.disconnect"}

    def _ask(self) -> None:
        if self._most == _UNASKED:
            self._most = _ASKED
            self._sender.ask()
        if self._paused and not self._ended and self._size < _ASKED:
            self._resume()

    def _resume(self) -> None:
        self._paused = False
        self._sender.resume_body()

    def _body(self) -> Message:
        body = b"".join(self._pieces)
        self._pieces.clear()
        self._size = 0
        self._told_end = self._ended
        if self._paused and not self._ended:
            self._resume()
        return {"type": "http.request", "body": body, "more_body": not self._ended}

    async def _until(self, is_so: Any) -> None:
        while not is_so():
            self._news.clear()
            await self._news.wait()

    async def _a_moment(self) -> None:
        try:
            async with asyncio.timeout(_MOMENT):
                await self._until(lambda: self._ended or self._gone or self._size >= _ENOUGH)
        except TimeoutError:
            pass
