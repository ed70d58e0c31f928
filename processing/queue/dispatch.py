"""Waking workers: the rows are the queue, a message only rings.

One message is under way for each kind of work at a time, however many images come: who is woken takes what
waits, and wakes another where more is left. A bell that is lost is rung again by the sweeper.
"""

from __future__ import annotations

import logging
from functools import cache
from typing import TYPE_CHECKING

import redis
from celery import current_app
from kombu.exceptions import OperationalError

from processing.plumbing.circuit_breaker import CircuitBreaker
from processing.plumbing.redis_client import connect

if TYPE_CHECKING:
    import uuid
    from collections.abc import Iterable

logger = logging.getLogger(__name__)

# Not one of those that make pixels: a slow host holds a thread of the fetching worker, and nobody's pixels.
QUEUES = UPKEEP, IMAGES, DERIVE, FETCH = "upkeep", "images", "derive", "fetch"
WORK_TASK, FETCH_TASK, HASH_TASK = "work_images", "fetch_images", "hash_images"
_RUNG_MS = 3000  # a bell that nobody has answered after this time may be lost

_breaker = CircuitBreaker(5.0)  # a frozen broker must not hold every upload


@cache
def _redis() -> redis.Redis:
    return connect()


def _bell(task: str) -> str:
    return f"imageapi:bell:{task}"


def wake(task: str = WORK_TASK, queue: str = IMAGES, *, surely: bool = False) -> None:
    """Wakes one worker, where none is being woken; `surely` also where one seems to be.

    Call it after the commit of what there is to do.
    """
    if _breaker.open:
        return
    try:
        unanswered = not _redis().set(_bell(task), 1, nx=not surely, px=_RUNG_MS)
    except redis.RedisError as error:
        if current_app.conf.broker_url.startswith("redis"):
            _breaker.trip()
            logger.warning("Redis does not answer; the sweeper will wake the workers: %s", error)
            return
        unanswered = False  # the bell hangs in Redis, the messages go elsewhere
    if not unanswered:
        ring(task, queue)


def answered(task: str = WORK_TASK) -> None:
    """From here on another bell wakes another worker. Call it before looking for what there is to do."""
    try:
        _redis().delete(_bell(task))
    except redis.RedisError as error:
        logger.warning("Redis does not answer: %s", error)


def send(messages: Iterable[list[uuid.UUID]], queue: str, *, task: str) -> bool:
    """Puts one message a chunk on the queue. False, after at most a few seconds, where the broker is away."""
    if _breaker.open:
        return False
    try:
        with current_app.producer_or_acquire() as producer:
            for ids in messages:
                current_app.send_task(
                    task,
                    args=[[str(i) for i in ids]],
                    queue=queue,
                    producer=producer,
                    retry=False,
                    argsrepr="",  # for logs that nobody reads: Celery takes as long for them as for the rest
                    kwargsrepr="",
                )
    except (OperationalError, OSError) as error:
        _breaker.trip()
        logger.warning("The broker does not answer; the sweeper will send these images: %s", error)
        return False
    return True


def ring(task: str, queue: str) -> None:
    """Wakes whoever sees to `task`. Only a hint: a task that is rung for finds its own work."""
    if _breaker.open:
        return
    try:
        with current_app.producer_or_acquire() as producer:
            current_app.send_task(
                task, queue=queue, producer=producer, retry=False, expires=60, argsrepr="", kwargsrepr=""
            )
    except (OperationalError, OSError) as error:
        _breaker.trip()
        logger.warning("The broker does not answer; beat will ring for %s: %s", task, error)
