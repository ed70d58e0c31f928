"""What still has to be done, as the rows and the broker say it."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import Any

from celery import current_app
from django.db import connection
from django.utils import timezone

from processing.models import UNFINISHED, Pulse
from processing.queue import dispatch

# The partial index of unfinished images keeps this proportional to the backlog, not to the table.
_UNFINISHED = """
SELECT job.kind, image.status, count(*), extract(epoch FROM now() - min(image.uploaded_at))::float
FROM processing_image image JOIN processing_job job ON job.id = image.job_id
WHERE image.status IN ('pending', 'processing')
GROUP BY job.kind, image.status
"""


@dataclass(frozen=True, slots=True)
class Unfinished:
    """Images of one queue in one state; `oldest` is seconds since the first of them was uploaded."""

    queue: str
    status: str
    images: int
    oldest: float


def unfinished() -> list[Unfinished]:
    """Every queue with both states, also where there are none: a gauge that vanishes can't be watched."""
    found = dict.fromkeys(product(dispatch.ALL_QUEUES, UNFINISHED), (0, 0.0))
    with connection.cursor() as cursor:
        cursor.execute(_UNFINISHED)
        for kind, status, count, age in cursor.fetchall():
            queue = dispatch.queue_of(kind)
            images, oldest = found[queue, status]
            found[queue, status] = images + count, max(oldest, age)
    return [Unfinished(*key, *value) for key, value in found.items()]


def messages() -> dict[str, int]:
    """Messages waiting in the broker, by queue. Raises OperationalError (kombu) or OSError."""
    with current_app.connection_for_write() as broker:
        channel: Any = broker.channel()  # a declared queue answers with its length
        return {
            name: channel.queue_declare(name).message_count for name in (*dispatch.ALL_QUEUES, dispatch.FETCH)
        }


def pulse_age() -> float | None:
    """Seconds since beat, broker, a worker and the database last proved that they live."""
    pulse = Pulse.objects.filter(name="sweep").first()
    return (timezone.now() - pulse.beat_at).total_seconds() if pulse else None
