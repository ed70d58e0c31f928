"""Telling workers that there is something to do."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from celery import current_app
from django.conf import settings
from kombu.exceptions import OperationalError

from processing.models import Image, Job
from processing.plumbing.circuit_breaker import Fuse

if TYPE_CHECKING:
    import uuid
    from collections.abc import Iterable, Iterator, Sequence

logger = logging.getLogger(__name__)

TASK = "process_images"
FETCH_TASK = "fetch_image"
ALL_QUEUES = INTERACTIVE, BULK = "interactive", "bulk"
# Not one of those that make pixels: a slow host holds a thread of the fetching worker, and nobody's pixels.
FETCH = "fetch"
QUEUES = dict.fromkeys((Job.Kind.SINGLE, Job.Kind.MULTI, Job.Kind.RESUMABLE), INTERACTIVE)


_fuse = Fuse(5.0)  # a frozen broker must not hold every upload


def queue_of(kind: str) -> str:
    return QUEUES.get(Job.Kind(kind), BULK)


def chunks(images: Sequence[Image], *, one_each: bool) -> Iterator[list[uuid.UUID]]:
    """The images in messages: one each, or as many as make about a third of a second's work.

    Small enough that both ends of a batch keep every worker busy, and that an interactive image never waits
    long; large enough that the message costs nothing beside the pixels.
    """
    most = 1 if one_each else max(4, min(settings.CHUNK_IMAGES, -(-len(images) // 8)))
    chunk: list[uuid.UUID] = []
    pixels = 0
    for image in images:
        size = image.width * image.height
        if chunk and (len(chunk) >= most or pixels + size > settings.CHUNK_PIXELS):
            yield chunk
            chunk, pixels = [], 0
        chunk.append(image.id)
        pixels += size
    if chunk:
        yield chunk


def is_to_be_fetched(image: Image, kind: str) -> bool:
    return kind == Job.Kind.CSV and not image.checksum


def dispatch(images: Sequence[Image], kind: str, *, alone: bool = False) -> None:
    """Sends the images to the workers; where the broker is away, the sweeper sends them later."""
    away = [image for image in images if is_to_be_fetched(image, kind)]
    here = [image for image in images if not is_to_be_fetched(image, kind)] if away else images
    one_each = alone or kind in QUEUES
    sent = send(chunks(here, one_each=one_each), queue_of(kind))
    if not (send(chunks(away, one_each=True), FETCH, task=FETCH_TASK) and sent):
        Image.objects.filter(id__in=[image.id for image in images]).update(sent_at=None)


def send(messages: Iterable[list[uuid.UUID]], queue: str, *, task: str = TASK) -> bool:
    """Puts one message a chunk on the queue. False, after at most a few seconds, where the broker is away."""
    if _fuse.blown:
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
        _fuse.blow()
        logger.warning("The broker does not answer; the sweeper will send these images: %s", error)
        return False
    return True


def ring(task: str, queue: str) -> None:
    """Wakes whoever sees to `task`. Only a hint: a task that is rung for finds its own work."""
    if _fuse.blown:
        return
    try:
        with current_app.producer_or_acquire() as producer:
            current_app.send_task(task, queue=queue, producer=producer, retry=False, expires=60)
    except (OperationalError, OSError) as error:
        _fuse.blow()
        logger.warning("The broker does not answer; beat will ring for %s: %s", task, error)
