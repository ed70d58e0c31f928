"""One subscription a process, fanned out in memory to everyone here who follows a job or an account.

A hint from the channel layer says that a job's log has grown; the hub reads the log once, in order, and hands
the same frames to all. Hints may be lost: every two seconds the hub compares the sequence numbers of all that
is followed here with what it has told, in one query, and reads what it missed.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import OrderedDict, defaultdict
from collections.abc import Sequence
from typing import Any, Protocol
from uuid import UUID

from channels.layers import get_channel_layer
from django.db import Error

from processing.news.push import GROUP
from processing.plumbing.reader import Reader
from realtime import frames as told
from realtime.frames import Shown, Told

logger = logging.getLogger(__name__)

_LOOK_EVERY = 2.0
_REJOIN_EVERY = 3600.0  # channels_redis forgets members of a group after a day
_MOST_REMEMBERED = 100_000
_reader = Reader("hub", 1)


class Listener(Protocol):
    """Somebody here who follows a job or an account."""

    async def on_events(self, events: Sequence[Told]) -> None: ...


class AccountListener(Listener, Protocol):
    """Somebody here who follows an account, with all that comes and goes in it."""

    async def on_removed(self, images: Sequence[UUID]) -> None: ...

    async def on_restored(self, images: Sequence[Shown]) -> None: ...


class Hub:
    """The process's one reader of news. Lives in the event loop that first joins it."""

    def __init__(self) -> None:
        self._jobs: defaultdict[UUID, set[Listener]] = defaultdict(set)
        self._accounts: defaultdict[int, set[AccountListener]] = defaultdict(set)
        self._since: dict[int, float] = {}
        self._told: OrderedDict[UUID, int] = OrderedDict()
        self._gone: OrderedDict[UUID, None] = OrderedDict()
        self._back: set[UUID] = set()
        self._news: dict[UUID, tuple[int, int]] = {}
        self._rang = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    # Joining and leaving

    async def follow_job(self, job_id: UUID, listener: Listener) -> None:
        """From here on `listener` is told every event after the job's present one."""
        self._start()
        self._jobs[job_id].add(listener)
        if job_id not in self._told:
            seq = await _reader.ask(told.seq_of, job_id)
            self._told.setdefault(job_id, seq)

    def leave_job(self, job_id: UUID, listener: Listener) -> None:
        self._jobs[job_id].discard(listener)
        if not self._jobs[job_id]:
            del self._jobs[job_id]

    def follow_account(self, owner_id: int, listener: AccountListener) -> None:
        """From here on `listener` is told every event of the account."""
        self._start()
        self._since.setdefault(owner_id, time.time())
        self._accounts[owner_id].add(listener)

    def leave_account(self, owner_id: int, listener: AccountListener) -> None:
        self._accounts[owner_id].discard(listener)
        if not self._accounts[owner_id]:
            del self._accounts[owner_id]
            self._since.pop(owner_id, None)

    # Hearing

    def _start(self) -> None:
        if not self._tasks or any(task.done() for task in self._tasks):
            self._tasks = [asyncio.create_task(work()) for work in (self._listen, self._look, self._tell)]

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
        if message["type"] == "removed":
            await self._remove(message["owner"], [UUID(image) for image in message["images"]])
            return
        if message["type"] == "restored":
            await self._restore(message["owner"], [UUID(image) for image in message["images"]])
            return
        for job_id, owner_id, first, last in message["jobs"]:
            self._note(UUID(job_id), owner_id, first, last)

    def _note(self, job_id: UUID, owner_id: int, first: int, last: int) -> None:
        """Marks a job for reading, where anybody here follows it."""
        if job_id not in self._jobs and owner_id not in self._accounts:
            self._told.pop(job_id, None)
            return
        if job_id not in self._told:
            self._remember(job_id, 0 if self._is_younger(job_id, owner_id) else first - 1)
        if last > self._told[job_id]:
            self._news[job_id] = (owner_id, last)
            self._rang.set()

    async def _remove(self, owner_id: int, images: Sequence[UUID]) -> None:
        """Tells of images that are gone, once, whoever said so first."""
        fresh = [image for image in images if image not in self._gone]
        self._gone.update(dict.fromkeys(fresh))
        while len(self._gone) > _MOST_REMEMBERED:
            self._gone.popitem(last=False)
        if fresh:
            for listener in list(self._accounts.get(owner_id, ())):
                await _safely(listener.on_removed(fresh))

    async def _restore(self, owner_id: int, images: Sequence[UUID]) -> None:
        for image in images:
            self._gone.pop(image, None)
            self._back.add(image)
        if owner_id not in self._accounts:
            return
        try:
            shown = await _reader.ask(told.in_feed, owner_id, images)
        except Error as error:
            logger.warning(
                "A restored image can't be read, the next page of the feed will show it: %s", error
            )
            return
        for listener in list(self._accounts.get(owner_id, ())):
            await _safely(listener.on_restored(shown))

    def is_gone(self, image_id: UUID) -> bool:
        """Whether the image was deleted a short while ago, or before its completion was told."""
        return image_id in self._gone

    def _is_younger(self, job_id: UUID, owner_id: int) -> bool:
        """Whether the job was made after its account was first followed here; a UUIDv7 tells its time."""
        return (job_id.int >> 80) / 1000 >= self._since.get(owner_id, float("inf"))

    def _remember(self, job_id: UUID, seq: int) -> None:
        self._told[job_id] = seq
        self._told.move_to_end(job_id)
        while len(self._told) > _MOST_REMEMBERED:
            self._told.popitem(last=False)

    async def _look(self) -> None:
        """The net under the hints."""
        while True:
            await asyncio.sleep(_LOOK_EVERY)
            if not self._jobs and not self._accounts:
                continue
            self._back.clear()
            try:
                rows = await _reader.ask(told.latest, list(self._jobs), list(self._accounts))
                removed = await _reader.ask(told.removed_lately, list(self._accounts))
            except Error as error:
                logger.warning("The database does not answer: %s", error)
                continue
            for owner_id, images in removed.items():
                # What came back while the rows were read is gone in them, but not in truth.
                await self._remove(owner_id, [image for image in images if image not in self._back])
            for job_id, owner_id, seq in rows:
                if job_id in self._told or self._is_younger(job_id, owner_id):
                    self._note(job_id, owner_id, seq, seq)
                else:
                    self._remember(job_id, seq)

    # Telling

    async def _tell(self) -> None:
        while True:
            await self._rang.wait()
            self._rang.clear()
            news, self._news = self._news, {}
            after = {job_id: self._told.get(job_id, 0) for job_id in news}
            try:
                events, deleted = await _reader.ask(told.read, after, frozenset(self._accounts))
            except Error as error:
                logger.warning("The log can't be read, the next look will: %s", error)
                continue
            for owner_id, images in deleted.items():
                await self._remove(owner_id, images)
            for job_id, found in events.items():
                await self._hand_out(job_id, found)
                if found[-1].seq < news[job_id][1]:
                    self._news.setdefault(job_id, news[job_id])
                    self._rang.set()

    async def _hand_out(self, job_id: UUID, events: Sequence[Told]) -> None:
        self._remember(job_id, events[-1].seq)
        followers: set[Listener] = {
            *self._jobs.get(job_id, ()),
            *self._accounts.get(events[0].owner_id, ()),
        }
        for listener in followers:
            await _safely(listener.on_events(events))


async def _safely(telling: Any) -> None:
    """One listener's trouble is not the others'."""
    try:
        await telling
    except Exception:
        logger.exception("A listener failed.")


hub = Hub()
