"""One subscription a process, fanned out in memory to all here who follow an account or one of its jobs.

A hint from the channel layer says that an account's log has grown; the hub reads the log once, in order, and
hands the same frames to all. Hints may be lost: every two seconds the hub compares the positions of all
accounts followed here with what it has told, in one query, and reads what it missed.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter, OrderedDict, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol
from uuid import UUID

from channels.layers import get_channel_layer
from django.db import Error

from processing.news.logs import AccountLog
from processing.news.push import GROUP
from processing.plumbing.reader import Reader
from realtime import frames as told
from realtime.background import Background
from realtime.frames import Shown, Told

logger = logging.getLogger(__name__)

_LOOK_EVERY = 2.0
_REJOIN_EVERY = 3600.0  # channels_redis forgets members of a group after a day
_MOST_REMEMBERED = 100_000
_reader = Reader("hub", 1)


class Listener(Protocol):
    """Somebody here who follows a job or an account."""

    async def on_events(self, events: Sequence[Told]) -> None: ...

    async def on_removed(self, images: Sequence[UUID]) -> None: ...

    async def on_restored(self, images: Sequence[Shown]) -> None: ...


@dataclass
class _Followers:
    """Of one account: who hears all of it, and who hears one job."""

    everything: set[Listener] = field(default_factory=set)
    jobs: defaultdict[UUID, set[Listener]] = field(default_factory=lambda: defaultdict(set))

    def discard(self, listener: Listener) -> None:
        self.everything.discard(listener)
        for job_id in [job_id for job_id, followers in self.jobs.items() if listener in followers]:
            self.jobs[job_id].discard(listener)
            if not self.jobs[job_id]:
                del self.jobs[job_id]

    def __bool__(self) -> bool:
        return bool(self.everything or self.jobs)


class Hub:
    """The process's one reader of news. Lives in the event loop that first joins it."""

    def __init__(self) -> None:
        self._followers: defaultdict[int, _Followers] = defaultdict(_Followers)
        self._joining: Counter[int] = Counter()
        self._told: dict[int, int] = {}  # by account the position up to which its log was handed out
        self._news: dict[int, int] = {}
        self._gone: OrderedDict[UUID, None] = OrderedDict()
        self._back: set[UUID] = set()
        self._rang = asyncio.Event()
        self._background = Background(self._listen, self._look, self._tell)

    # Joining and leaving

    async def follow(self, owner_id: int, listener: Listener, job_id: UUID | None = None) -> None:
        """From here on `listener` is told every event of the account, or of one job of it.

        Raises django.db.Error.
        """
        self._background.start()
        self._joining[owner_id] += 1
        try:
            if owner_id not in self._told:
                position = await _reader.ask(AccountLog(owner_id).end)
                self._told.setdefault(owner_id, position)
            followers = self._followers[owner_id]
            (followers.jobs[job_id] if job_id else followers.everything).add(listener)
        finally:
            self._joining[owner_id] -= 1
            self._forget(owner_id)
        if owner_id in self._news:
            self._rang.set()

    def leave(self, owner_id: int, listener: Listener) -> None:
        if owner_id in self._followers:
            self._followers[owner_id].discard(listener)
            self._forget(owner_id)

    def _forget(self, owner_id: int) -> None:
        """Keeps nothing of an account that nobody here follows."""
        if not self._joining[owner_id]:
            del self._joining[owner_id]
        if owner_id not in self._joining and not self._followers.get(owner_id):
            for kept in (self._followers, self._told, self._news):
                kept.pop(owner_id, None)

    # Hearing

    async def _listen(self) -> None:
        """Takes hints from the channel layer; while Redis is away, `_look` alone finds what is new."""
        layer = get_channel_layer()
        while True:
            try:
                channel = await layer.new_channel("hub")
                joined = -_REJOIN_EVERY
                while True:
                    if time.monotonic() - joined > _REJOIN_EVERY:
                        await layer.group_add(GROUP, channel)
                        joined = time.monotonic()
                    await self._hear(await layer.receive(channel))
            except Exception as error:
                logger.warning("The channel layer does not answer: %s", error)
                await asyncio.sleep(1)

    async def _hear(self, message: dict[str, Any]) -> None:
        match message["type"]:
            case "removed":
                await self._remove(message["owner"], [UUID(image) for image in message["images"]])
            case "restored":
                await self._restore(message["owner"], [UUID(image) for image in message["images"]])
            case _:
                for owner_id, position in message["accounts"]:
                    self._note(owner_id, position)

    def _note(self, owner_id: int, position: int) -> None:
        """Marks an account's log for reading, where anybody here follows it."""
        followed = owner_id in self._followers or owner_id in self._joining
        if followed and position > self._told.get(owner_id, 0):
            self._news[owner_id] = max(position, self._news.get(owner_id, 0))
            self._rang.set()

    async def _remove(self, owner_id: int, images: Sequence[UUID]) -> None:
        """Tells of images that are gone, once, whoever said so first."""
        fresh = [image for image in images if image not in self._gone]
        self._gone.update(dict.fromkeys(fresh))
        while len(self._gone) > _MOST_REMEMBERED:
            self._gone.popitem(last=False)
        if fresh:
            for listener in self._all_of(owner_id):
                await _safely(listener.on_removed(fresh))

    async def _restore(self, owner_id: int, images: Sequence[UUID]) -> None:
        for image in images:
            self._gone.pop(image, None)
            self._back.add(image)
        if not self._all_of(owner_id):
            return
        try:
            shown = await _reader.ask(told.in_feed, owner_id, images)
        except Error as error:
            logger.warning(
                "A restored image can't be read, the next page of the feed will show it: %s", error
            )
            return
        for listener in self._all_of(owner_id):
            await _safely(listener.on_restored(shown))

    def _all_of(self, owner_id: int) -> list[Listener]:
        followers = self._followers.get(owner_id)
        return list(followers.everything) if followers else []

    def is_gone(self, image_id: UUID) -> bool:
        """Whether the image was deleted a short while ago, or before its completion was told."""
        return image_id in self._gone

    async def _look(self) -> None:
        """The net under the hints."""
        while True:
            await asyncio.sleep(_LOOK_EVERY)
            accounts = list(self._followers)
            if not accounts:
                continue
            self._back.clear()
            try:
                positions = await _reader.ask(told.positions, accounts)
                removed = await _reader.ask(told.removed_lately, accounts)
            except Error as error:
                logger.warning("The database does not answer: %s", error)
                continue
            for owner_id, images in removed.items():
                # What came back while the rows were read is gone in them, but not in truth.
                await self._remove(owner_id, [image for image in images if image not in self._back])
            for owner_id, position in positions:
                self._note(owner_id, position)

    # Telling

    async def _tell(self) -> None:
        while True:
            await self._rang.wait()
            self._rang.clear()
            due = {owner_id: self._told[owner_id] for owner_id in self._news if owner_id in self._told}
            news = {owner_id: self._news.pop(owner_id) for owner_id in due}
            if not due:
                continue
            try:
                events, deleted = await _reader.ask(told.read, due)
            except Error as error:
                logger.warning("The log can't be read, the next look will: %s", error)
                continue
            for owner_id, images in deleted.items():
                await self._remove(owner_id, images)
            for owner_id, found in events.items():
                await self._hand_out(owner_id, found)
                if found[-1].position < news[owner_id]:
                    self._note(owner_id, news[owner_id])

    async def _hand_out(self, owner_id: int, events: Sequence[Told]) -> None:
        followers = self._followers.get(owner_id)
        if followers is None:
            return
        self._told[owner_id] = events[-1].position
        for listener in list(followers.everything):
            await _safely(listener.on_events(events))
        by_job: dict[UUID, list[Told]] = {}
        for event in events:
            by_job.setdefault(event.job_id, []).append(event)
        for job_id in by_job.keys() & followers.jobs.keys():
            for listener in list(followers.jobs.get(job_id, ())):
                await _safely(listener.on_events(by_job[job_id]))


async def _safely(telling: Any) -> None:
    """One listener's trouble is not the others'."""
    try:
        await telling
    except Exception:
        logger.exception("A listener failed.")


hub = Hub()
