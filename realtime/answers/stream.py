"""Server-Sent Events (WHATWG HTML, section 9.2): a log as a stream, from where its reader is."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from typing import TYPE_CHECKING, Any

from django.db import Error
from prometheus_client import Gauge

from processing.news.logs import is_kept, snapshot_text
from processing.plumbing.reader import reader
from realtime.answers.answer import Answer
from realtime.frames import missed, sse

if TYPE_CHECKING:
    from collections.abc import Sequence

    from realtime.frames import Told

logger = logging.getLogger(__name__)

STREAMS = Gauge("imageapi_event_streams", "Open event streams of this web server.")
_COMMENT_EVERY = 15.0
_COMMENT = b":\n\n"
_RETRY = b"retry: 1000\n\n"
# Events that wait in memory for a slow reader; those beyond it reads from the log again.
_MOST_WAITING = 500
# A reader that takes nothing for so long is gone, or as good as.
_PATIENCE = 60.0
_PAUSE = 2.0


class Stream(Answer):
    """It pulls: what the hub tells waits here, bounded, and what does not fit is read from the log later."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._waiting: deque[Told] = deque()
        self._behind = True
        self._place = 0

    async def on_events(self, events: Sequence[Told]) -> None:
        self.rang.set()
        if self._behind:
            return
        self._waiting.extend(events)
        if len(self._waiting) > _MOST_WAITING:
            self._waiting.clear()
            self._behind = True

    async def answer(self) -> None:
        await self.send(self._head())
        with STREAMS.track_inprogress():
            try:
                await self._tell(_RETRY + await self._begin())
                while not self.over.is_set():
                    await self._tell(await self._next())
            except TimeoutError:
                logger.warning("A stream's client stopped reading; it is dropped.")
            except Error as error:
                logger.warning("A stream ends, its client comes back: %s", error)
        await self.send({"type": "http.response.body", "body": b"", "more_body": False})

    def _head(self) -> dict[str, Any]:
        start = self.held[0]
        kept = [pair for pair in start["headers"] if pair[0].lower() != b"content-length"]
        # nginx would hold back what is not a full buffer.
        return {**start, "headers": [*kept, (b"Cache-Control", b"no-store"), (b"X-Accel-Buffering", b"no")]}

    async def _begin(self) -> bytes:
        """Finds its place in the log; a snapshot where the events after `since` are gone."""
        since = self.follow.since
        if since is None:
            self._place = await reader.ask(self.log.end)
            return _COMMENT
        if await reader.ask(is_kept, self.log, since):
            self._place = since
            return _COMMENT
        self._place, frame = await reader.ask(snapshot_text, self.log)
        return sse(self._place, frame)

    async def _next(self) -> bytes:
        """What comes next, after a wait: events, or a comment that keeps the connection alive."""
        events = await self._missed() if self._behind else self._take()
        if not events and not self._behind:
            await self.news(_COMMENT_EVERY)
            quiet = not self.rang.is_set()
            self.rang.clear()
            return _COMMENT if quiet else b""
        text = b""
        for event in events:
            if event.place(self.log) > self._place:
                self._place = event.place(self.log)
                text += event.message(self.log)
        return text

    async def _missed(self) -> Sequence[Told]:
        # From here on what is told waits: it may be told while the log is read, or be in it, too.
        self._behind = False
        found = await reader.ask(missed, self.log, self._place)
        if found:
            self._waiting.clear()
            self._behind = True
        return found

    def _take(self) -> Sequence[Told]:
        taken, self._waiting = self._waiting, deque()
        return taken

    async def _tell(self, text: bytes) -> None:
        if text:
            async with asyncio.timeout(_PATIENCE):
                await self.send({"type": "http.response.body", "body": text, "more_body": True})
