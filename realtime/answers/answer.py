"""What long polls and streams have in common: a place under the limit, an end with its credential."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, ClassVar

from django.db import Error
from django.http import HttpResponse

from processing.news.logs import Log, log_of
from realtime.admission import admissions
from realtime.hub import hub
from realtime.places import places

if TYPE_CHECKING:
    from uuid import UUID

    from processing.news.following import Follow
    from realtime.frames import Shown, Told

# Status, code and a sentence, and after how many seconds to try again.
Refuse = Callable[[int, str, str, int], HttpResponse]
_ABOUT_THE_BODY = {b"content-type", b"content-length", b"content-encoding", b"retry-after"}


class Answer:
    """One request that is being answered here. `held` is what the view has answered."""

    _open: ClassVar[set[Answer]] = set()

    def __init__(
        self, follow: Follow, held: Sequence[dict[str, Any]], receive: Any, send: Any, refuse: Refuse
    ) -> None:
        self.follow, self.held, self.receive, self.send, self.refuse = follow, held, receive, send, refuse
        self.log: Log = log_of(follow.owner_id, follow.job_id)
        self.rang = asyncio.Event()
        self.over = asyncio.Event()
        self.revoked = False

    async def run(self) -> None:
        """Answers, until it is done, the client has gone, its credential ends, or the server stops."""
        if not places.take(self.follow.owner_id):
            detail = "The account has as many sockets and streams open at this server as it may have."
            await self.send_instead(self.refuse(429, "too_many_sockets", detail, 5))
            return
        leaving = asyncio.ensure_future(self._hear_the_client())
        self._open.add(self)
        admissions.enter(self.follow.credential, self._revoked)
        try:
            await hub.follow(self.follow.owner_id, self, self.follow.job_id)
            await self.answer()
        except Error:
            detail = "The database does not answer; try again."
            await self.send_instead(self.refuse(503, "unavailable", detail, 2))
        finally:
            self._open.discard(self)
            admissions.leave(self.follow.credential, self._revoked)
            hub.leave(self.follow.owner_id, self)
            places.give_back(self.follow.owner_id)
            leaving.cancel()

    async def answer(self) -> None:
        raise NotImplementedError

    def end(self) -> None:
        self.over.set()
        self.rang.set()

    @classmethod
    def end_all(cls) -> None:
        """For a server that stops: clients go on at another one, from where they are."""
        for answer in list(cls._open):
            answer.end()

    async def _revoked(self) -> None:
        self.revoked = True
        self.end()

    async def _hear_the_client(self) -> None:
        with suppress(asyncio.CancelledError):
            while (await self.receive())["type"] != "http.disconnect":
                pass
            self.end()

    async def news(self, seconds: float) -> None:
        """Returns when somebody rang, or after that time."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self.rang.wait()

    async def on_events(self, events: Sequence[Told]) -> None:
        self.rang.set()

    async def on_removed(self, images: Sequence[UUID]) -> None:
        """Not in a log."""

    async def on_restored(self, images: Sequence[Shown]) -> None:
        """Not in a log."""

    async def send_held(self) -> None:
        for message in self.held:
            await self.send(message)

    async def send_instead(self, answer: HttpResponse) -> None:
        """Sends `answer` with what the view's headers say that is not about its own body."""
        start = self.held[0]
        headers = [(name, value) for name, value in start["headers"] if name.lower() not in _ABOUT_THE_BODY]
        headers += [(name.encode(), value.encode()) for name, value in answer.items()]
        headers = [*headers, (b"Content-Length", str(len(answer.content)).encode())]
        await self.send({**start, "status": answer.status_code, "headers": headers})
        await self.send({"type": "http.response.body", "body": answer.content})
