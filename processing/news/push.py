"""The push: a hint, sent after the commit, that there is something new to read.

It may be lost: whoever misses one finds the gap in the sequence numbers and reads the log.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import threading
import time
from contextlib import suppress
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import redis
import redis.asyncio
from channels.layers import get_channel_layer
from django.conf import settings
from django.db import Error
from redis.asyncio.retry import Retry as AsyncRetry
from redis.backoff import NoBackoff

from processing.models import Image, Job
from processing.news.representations import image_shape
from processing.plumbing import metrics
from processing.plumbing.reader import reader
from processing.plumbing.redis_client import connect

if TYPE_CHECKING:
    import uuid
    from collections.abc import Mapping, Sequence

    from processing.news.representations import ImageShape

logger = logging.getLogger(__name__)

GROUP = "news"
_DONE_SECONDS = 60
# Jobs of one image, whose uploads may wait for it.
_AWAITED = (Job.Kind.SINGLE, Job.Kind.RESUMABLE)


class News(NamedTuple):
    """That the job's log now reaches `seq`, and its account's `position`."""

    job_id: uuid.UUID
    owner_id: int
    seq: int
    position: int
    kind: str
    finished: bool
    awaited: bool  # by a webhook's receiver


class _Background:
    """An event loop in a thread of its own: sending never keeps a worker from its pixels."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._lock = threading.Lock()
        self._waiting = 0
        threading.Thread(target=self._loop.run_forever, name="announce", daemon=True).start()

    def send(self, message: dict[str, Any]) -> None:
        if self._count(1) < 1000:  # Redis is frozen: more hints would only pile up
            asyncio.run_coroutine_threadsafe(self._send(message), self._loop)
        else:
            self._count(-1)
            metrics.add("imageapi_pushes_dropped_total")

    def _count(self, change: int) -> int:
        """How many were waiting before."""
        with self._lock:
            before = self._waiting
            self._waiting += change
        return before

    async def _send(self, message: dict[str, Any]) -> None:
        try:
            async with asyncio.timeout(5):
                await get_channel_layer().group_send(GROUP, message)
        except Exception as error:
            metrics.add("imageapi_pushes_dropped_total")
            logger.warning("A push was lost, its readers will find the log: %s", error)
        finally:
            self._count(-1)


@cache
def _background(_pid: int) -> _Background:
    return _Background()


@cache
def _redis() -> redis.Redis:
    return connect()


def announce(news: Sequence[News], images: Mapping[str, str]) -> None:
    """Tells every web process that these accounts' logs have grown. Never raises, never waits.

    `images` are those of each job's event, as JSON: who waits for a single upload is handed the result.
    """
    message = {"type": "news", "accounts": list({item.owner_id: item.position for item in news}.items())}
    for item in news:
        if item.finished and item.kind in _AWAITED:
            _wake(item.job_id, images[str(item.job_id)])  # first: somebody waits for this very one
    _background(os.getpid()).send(message)


def announce_removed(owner_id: int, images: Sequence[uuid.UUID]) -> None:
    """Tells every web process that these images are gone from the feed."""
    message = {"type": "removed", "owner": owner_id, "images": [str(image) for image in images]}
    _background(os.getpid()).send(message)


def announce_restored(owner_id: int, images: Sequence[uuid.UUID]) -> None:
    """Tells every web process that these images are in the feed again."""
    message = {"type": "restored", "owner": owner_id, "images": [str(image) for image in images]}
    _background(os.getpid()).send(message)


def _bell(job_id: uuid.UUID) -> str:
    return f"imageapi:done:{job_id}"


def _wake(job_id: uuid.UUID, images: str) -> None:
    with suppress(redis.RedisError), _redis().pipeline(transaction=False) as pipe:
        pipe.lpush(_bell(job_id), images)
        pipe.expire(_bell(job_id), _DONE_SECONDS)
        pipe.execute()


async def outcome(job_id: uuid.UUID, seconds: float) -> ImageShape | None:
    """The image of a single upload as its job's last event shows it; None where that is not after `seconds`.

    A bell in Redis brings it; where that is lost, a look at the row every second finds it. While neither
    Redis nor the database answers, it goes on: what was taken in will be done.
    """
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        try:
            bells = _async_redis(asyncio.get_running_loop())
            if rung := await bells.blpop([_bell(job_id)], timeout=min(1.0, left)):
                return cast("ImageShape", json.loads(rung[1])[0])
        except (redis.RedisError, OSError):
            await asyncio.sleep(min(0.1, left))
        with suppress(Error, TimeoutError):
            async with asyncio.timeout(max(1.0, left)):
                image = await reader.ask(_finished_image, job_id)
            if image is not None:
                return image_shape(image)
    return None


def _finished_image(job_id: uuid.UUID) -> Image | None:
    return Image.objects.filter(job_id=job_id, finished_at__isnull=False).first()


@cache
def _async_redis(_loop: asyncio.AbstractEventLoop) -> redis.asyncio.Redis:
    return redis.asyncio.Redis.from_url(
        settings.REDIS_URL, socket_timeout=3, socket_connect_timeout=2, retry=AsyncRetry(NoBackoff(), 0)
    )
