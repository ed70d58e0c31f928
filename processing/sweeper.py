"""What makes every promise come true late, when the quick way failed.

It finds images whose message was lost and images whose worker died, and sends them again. It may run twice at
once, or not for a while: only latency suffers.
"""

from __future__ import annotations

import logging
from datetime import timedelta

from django.conf import settings
from django.db.models.functions import Now
from django.utils import timezone
from kombu.exceptions import OperationalError

from processing import backlog, dispatch
from processing.ledger import Outcome, settle
from processing.models import Image, Pulse, Status

logger = logging.getLogger(__name__)

_MOST = 2000
# How long a message may be under way before its image is taken for forgotten: with empty queues it can only
# be in a worker's hands, unclaimed, for a moment; with full ones it may really still be waiting.
_FORGOTTEN = timedelta(seconds=5)
_FORGOTTEN_IN_A_LONG_QUEUE = timedelta(minutes=10)
_AGAIN = timedelta(seconds=10)

# An image that waits for its twin's pixels is not sent: it is finished with the twin.
_TAKE_FORGOTTEN = """
UPDATE processing_image SET sent_at = now() WHERE id IN (
    SELECT i.id FROM processing_image i
    WHERE i.status IN ('pending', 'processing') AND i.attempt < %(attempts)s AND (
        (i.status = 'processing' AND i.lease_until < now()
            AND (i.sent_at IS NULL OR i.sent_at < now() - %(again)s))
        OR (i.status = 'pending' AND (i.sent_at IS NULL OR i.sent_at < now() - %(forgotten)s)))
      AND NOT EXISTS (SELECT 1 FROM processing_image first
          WHERE first.id = i.duplicate_of_id AND first.status IN ('pending', 'processing'))
    ORDER BY i.id LIMIT %(most)s FOR UPDATE SKIP LOCKED
) RETURNING *
"""


def sweep() -> int:
    """One round; returns how many images were sent again or given up."""
    Pulse.objects.update_or_create(name="sweep", defaults={"beat_at": timezone.now()})
    return give_up() + send_forgotten()


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


def send_forgotten() -> int:
    forgotten = _FORGOTTEN if queues_are_empty() else _FORGOTTEN_IN_A_LONG_QUEUE
    images = list(
        Image.objects.raw(
            _TAKE_FORGOTTEN,
            {"attempts": settings.MAX_ATTEMPTS, "again": _AGAIN, "forgotten": forgotten, "most": _MOST},
        )
    )
    by_job: dict[tuple[str, bool], list[Image]] = {}
    kinds = dict(Image.objects.filter(id__in=[i.id for i in images]).values_list("id", "job__kind"))
    for image in images:
        # One that was tried before may be what killed its worker: alone, it takes no other with it.
        by_job.setdefault((kinds[image.id], image.attempt > 0), []).append(image)
    for (kind, alone), group in by_job.items():
        _send(group, kind, alone=alone)
    if images:
        logger.info("Sent %d images again.", len(images))
    return len(images)


def _send(images: list[Image], kind: str, *, alone: bool) -> None:
    messages = dispatch.chunks(images, one_each=alone)
    if not dispatch.send(messages, dispatch.queue_of(kind)):
        Image.objects.filter(id__in=[image.id for image in images]).update(sent_at=None)


def queues_are_empty() -> bool:
    try:
        return not any(backlog.messages().values())
    except (OperationalError, OSError):
        return False
