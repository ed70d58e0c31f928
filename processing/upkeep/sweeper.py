"""What makes every promise come true late, when the quick way failed.

It finds images whose message was lost and images whose worker died, and sends them again; files that were to
be removed, and removes them. It may run twice at
once, or not for a while: only latency suffers.
"""

from __future__ import annotations

import logging
from datetime import timedelta

from django.conf import settings
from django.db.models.functions import Now
from kombu.exceptions import OperationalError

from processing.files import discards, originals
from processing.jobs import derivations, fetches
from processing.ledger import Outcome, settle
from processing.models import Image, Pulse, Status
from processing.queue import canvas_turns, dispatch
from processing.upkeep import backlog

logger = logging.getLogger(__name__)

_MOST = 2000
# How long a message may be under way before its image is taken for forgotten: with empty queues it can only
# be in a worker's hands, unclaimed, for a moment; with full ones it may really still be waiting.
_FORGOTTEN = timedelta(seconds=5)
_FORGOTTEN_IN_A_LONG_QUEUE = timedelta(minutes=10)
_AGAIN = timedelta(seconds=10)

# An image that waits for its twin's pixels is not sent: it is finished with the twin. One that is being
# fetched, or is to be fetched later, is pending with a lease.
_TAKE_FORGOTTEN = """
UPDATE processing_image SET sent_at = now() WHERE id IN (
    SELECT i.id FROM processing_image i
    WHERE i.status IN ('pending', 'processing') AND i.attempt < %(attempts)s AND (
        (i.status = 'processing' AND i.lease_until < now()
            AND (i.sent_at IS NULL OR i.sent_at < now() - %(again)s))
        OR (i.status = 'pending' AND (i.lease_until IS NULL OR i.lease_until < now())
            AND (i.sent_at IS NULL OR i.sent_at < now() - CASE
                WHEN i.checksum = '' AND (SELECT kind FROM processing_job WHERE id = i.job_id) = 'csv'
                THEN %(unfetched)s ELSE %(forgotten)s END)))
      AND NOT EXISTS (SELECT 1 FROM processing_image first
          WHERE first.key = i.key AND first.id < i.id AND first.status IN ('pending', 'processing'))
    ORDER BY i.id LIMIT %(most)s FOR UPDATE SKIP LOCKED
) RETURNING *
"""


def sweep() -> int:
    """One round; returns how many images were sent again or given up."""
    Pulse.objects.beat("sweep")
    patience = forgotten_after(*dispatch.ALL_QUEUES)
    given_up = give_up() + fetches.give_up(_MOST)
    again = send_forgotten(patience) + derivations.sweep(patience) + canvas_turns.give_stalled()
    originals.remove_left_behind()
    discards.clear()
    return given_up + again


def give_up() -> int:
    """Fails the images that took a worker with them at every try."""
    lost = Image.objects.filter(
        status=Status.PROCESSING, lease_until__lt=Now(), attempt__gte=settings.MAX_ATTEMPTS
    )
    outcomes = [
        Outcome(
            image.id,
            image.attempt,
            Status.FAILED,
            error_code="worker_crashed",
            error_detail=f"The worker died {image.attempt} times while it worked on this image.",
        )
        for image in lost[:_MOST]
    ]
    return len(settle(outcomes))


def forgotten_after(*queues: str) -> timedelta:
    """How long ago a message must have been sent for its images to be taken for forgotten, as of now."""
    return _FORGOTTEN if are_empty(*queues) else _FORGOTTEN_IN_A_LONG_QUEUE


def send_forgotten(patience: timedelta | None = None) -> int:
    patience = forgotten_after(*dispatch.ALL_QUEUES) if patience is None else patience
    images = list(
        Image.objects.raw(
            _TAKE_FORGOTTEN,
            {
                "attempts": settings.MAX_ATTEMPTS,
                "again": _AGAIN,
                "forgotten": patience,
                "unfetched": forgotten_after(dispatch.FETCH),
                "most": _MOST,
            },
        )
    )
    by_job: dict[tuple[str, bool], list[Image]] = {}
    kinds = dict(Image.objects.filter(id__in=[i.id for i in images]).values_list("id", "job__kind"))
    for image in images:
        # One that was tried before may be what killed its worker: alone, it takes no other with it.
        by_job.setdefault((kinds[image.id], image.attempt > 0), []).append(image)
    for (kind, alone), group in by_job.items():
        dispatch.dispatch(group, kind, alone=alone)
    if images:
        logger.info("Sent %d images again.", len(images))
    return len(images)


def are_empty(*queues: str) -> bool:
    try:
        waiting = backlog.messages()
        return not any(waiting[name] for name in queues)
    except (OperationalError, OSError):
        return False
