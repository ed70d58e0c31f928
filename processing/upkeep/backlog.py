"""What still has to be done, as the rows and the broker say it."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import Any

from celery import current_app
from django.db import connection
from django.utils import timezone

from processing.models import UNFINISHED, Plan, Pulse, Queue, Status
from processing.queue import dispatch

# Two halves, each with its partial index: proportional to the backlog, not to the table.
_UNFINISHED = """
SELECT plan.name, i.queue, i.status, count(*), extract(epoch FROM now() - min(i.uploaded_at))::float
FROM (SELECT owner_id, queue, status, uploaded_at FROM processing_image WHERE status = 'pending'
      UNION ALL
      SELECT owner_id, queue, status, uploaded_at FROM processing_image WHERE status = 'processing') i
JOIN processing_user u ON u.id = i.owner_id JOIN processing_plan plan ON plan.id = u.plan_id
GROUP BY plan.name, i.queue, i.status
"""

_WAITING = """
SELECT q FROM unnest(%s::int[]) q WHERE EXISTS (
    SELECT FROM processing_image i
    WHERE i.status = 'pending' AND i.waits IN ('', 'fetch') AND i.queue = q
      AND (i.lease_until IS NULL OR i.lease_until <= now()))
"""


@dataclass(frozen=True, slots=True)
class Unfinished:
    """Images of one queue in one state; `oldest` is seconds since the first of them was uploaded."""

    queue: str
    status: str
    images: int
    oldest: float


@dataclass(frozen=True, slots=True)
class Waiting:
    """How long the first image that waits in a queue has waited, of accounts of one plan; in seconds."""

    plan: str
    queue: str
    oldest: float


def unfinished() -> tuple[list[Unfinished], list[Waiting]]:
    """Every queue with both states, also where there are none: a gauge that vanishes can't be watched."""
    names = [queue.label for queue in Queue]
    found = dict.fromkeys(product(names, UNFINISHED), (0, 0.0))
    plans = Plan.objects.values_list("name", flat=True)
    waiting = dict.fromkeys(product(plans, names), 0.0)
    with connection.cursor() as cursor:
        cursor.execute(_UNFINISHED)
        for plan, number, status, count, age in cursor.fetchall():
            queue = Queue(number).label
            images, oldest = found[queue, status]
            found[queue, status] = images + count, max(oldest, age)
            if status == Status.PENDING:
                waiting[plan, queue] = age
    return [Unfinished(*key, *value) for key, value in found.items()], [
        Waiting(*key, value) for key, value in waiting.items()
    ]


def waiting_queues() -> set[int]:
    """The queues in which an image waits for nothing but a worker."""
    with connection.cursor() as cursor:
        cursor.execute(_WAITING, [list(map(int, Queue))])
        return {queue for (queue,) in cursor.fetchall()}


def messages() -> dict[str, int]:
    """Messages waiting in the broker, by queue. Raises OperationalError (kombu) or OSError."""
    with current_app.connection_for_write() as broker:
        channel: Any = broker.channel()  # a declared queue answers with its length
        return {
            name: channel.queue_declare(name, durable=True, auto_delete=False).message_count
            for name in dispatch.QUEUES
        }


def pulse_age() -> float | None:
    """Seconds since beat, broker, a worker and the database last proved that they live."""
    pulse = Pulse.objects.filter(name="sweep").first()
    return (timezone.now() - pulse.beat_at).total_seconds() if pulse else None
