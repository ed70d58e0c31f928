"""What makes every promise come true late, when the quick way failed.

It frees images whose worker died, gives up those that ended every worker, wakes workers whose bell was lost,
and removes files that were to be removed. It may run twice at once, or not for a while: only latency suffers.
"""

from __future__ import annotations

import logging
from datetime import timedelta

from django.conf import settings
from django.db import Error, connection
from kombu.exceptions import OperationalError

from processing.files import discards, originals
from processing.files.proof import prove
from processing.jobs import derivations, fetches
from processing.ledger import Outcome, settle
from processing.models import Backfill, Image, Pulse, Queue, Status
from processing.queue import canvas_turns, dispatch, in_hand, leases
from processing.queue.in_hand import Begun
from processing.upkeep import backlog, capacity

logger = logging.getLogger(__name__)

_MOST = 2000
# How long a message may be under way before its derivation is taken for forgotten: with an empty queue it can
# only be in a worker's hands, unclaimed, for a moment; with a full one it may really still be waiting.
_FORGOTTEN = timedelta(seconds=5)
_FORGOTTEN_IN_A_LONG_QUEUE = timedelta(minutes=10)

# One that waits for an earlier image of its bytes is finished with that; where it was not, it is made itself.
_FREE_TWINS = """
UPDATE processing_image SET waits = '' WHERE id IN (
    SELECT i.id FROM processing_image i
    WHERE i.status = 'pending' AND i.waits = 'twin' AND NOT EXISTS (
        SELECT 1 FROM processing_image first
        WHERE first.key = i.key AND first.id <> i.id AND first.waits <> 'twin'
          AND first.status IN ('pending', 'processing'))
    ORDER BY i.id LIMIT %s FOR UPDATE SKIP LOCKED)
"""


def sweep() -> int:
    """One round; returns how many images were freed or given up."""
    Pulse.objects.beat("sweep")
    prove()
    capacity.warn()
    freed = recover() + give_up() + fetches.give_up(_MOST) + leases.take_back() + free_twins()
    freed += derivations.sweep(forgotten_after(dispatch.DERIVE)) + canvas_turns.give_stalled()
    wake_workers()
    originals.remove_left_behind()
    discards.clear()
    return freed


def recover() -> int:
    """Frees what the dead processes of this machine held: only the image that each had begun was tried."""
    return in_hand.recover(_recover)


def recover_quietly() -> None:
    """The same, where nothing else depends on it."""
    try:
        if recover():
            dispatch.wake()
    except (Error, OSError) as error:
        logger.warning("What dead processes had in hand is freed later: %s", error)
        connection.close()


def _recover(begun: Begun) -> None:
    held = Image.objects.filter(id=begun.image_id, lease=begun.lease, status=Status.PROCESSING)
    if (image := held.first()) is not None:
        if image.attempt + 1 >= settings.MAX_ATTEMPTS:
            settle([_crashed(image)])
        else:
            leases.release(begun.lease, image.id, counted=True)
    leases.release(begun.lease, counted=False)


def give_up() -> int:
    """Fails the images that took a worker with them at every try."""
    return len(settle([_crashed(image) for image in leases.lost()[:_MOST]]))


def _crashed(image: Image) -> Outcome:
    return Outcome(
        image.id,
        image.lease or 0,
        Status.FAILED,
        error_code="worker_crashed",
        error_detail=f"The worker died {image.attempt + 1} times while it worked on this image.",
    )


def free_twins() -> int:
    with connection.cursor() as cursor:
        cursor.execute(_FREE_TWINS, [_MOST])
        return cursor.rowcount


def wake_workers() -> None:
    """Rings where images wait, whoever may have been woken before: a bell may be lost."""
    waiting = backlog.waiting_queues()
    if waiting & {Queue.INTERACTIVE, Queue.BULK}:
        dispatch.wake(surely=True)
    if Queue.FETCH in waiting:
        dispatch.wake(dispatch.FETCH_TASK, dispatch.FETCH, surely=True)
    if Backfill.objects.exists():
        dispatch.wake(dispatch.HASH_TASK, dispatch.DERIVE, surely=True)


def forgotten_after(*queues: str) -> timedelta:
    """How long ago a message must have been sent for its work to be taken for forgotten, as of now."""
    return _FORGOTTEN if are_empty(*queues) else _FORGOTTEN_IN_A_LONG_QUEUE


def are_empty(*queues: str) -> bool:
    try:
        waiting = backlog.messages()
        return not any(waiting[name] for name in queues)
    except (OperationalError, OSError):
        return False
