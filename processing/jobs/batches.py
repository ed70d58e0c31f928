"""Open batches: a job that images join one by one, until its client says that no more come.

While it is open, its `total` counts the open end as one more than the images it has: so it is finished by the
same statement as every other job, and never before it is closed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import transaction
from django.db.models.functions import Now
from django.utils import timezone

from processing.jobs.begin import begin as begin_job
from processing.ledger import move_counters
from processing.models import Job
from processing.webhooks.outbox import enqueue

if TYPE_CHECKING:
    import uuid
    from collections.abc import Sequence
    from datetime import timedelta

    from processing.imaging.recipes import Recipe

_MOST = 500


def begin(owner_id: int, recipes: Sequence[Recipe], *, lifetime: timedelta, webhook_url: str = "") -> Job:
    """Opens a batch, which closes by itself after `lifetime`."""
    until = timezone.now() + lifetime
    with transaction.atomic():
        return begin_job(owner_id, Job.Kind.BATCH, recipes, 1, webhook_url=webhook_url, open_until=until)


def is_open(owner_id: int, job_id: uuid.UUID) -> bool | None:
    """None where the account has no such job."""
    job = Job.objects.filter(id=job_id, owner_id=owner_id).only("open_until").first()
    return None if job is None else bool(job.open_until and job.open_until > timezone.now())


def hold(job_id: uuid.UUID) -> bool:
    """Whether it is open, its row locked until the transaction ends."""
    there = Job.objects.select_for_update(no_key=True)
    return there.filter(id=job_id, open_until__isnull=False).only("pk").first() is not None


def close(job_id: uuid.UUID) -> bool:
    """No more images come: one event, and the finish where all are done. False: it was closed before."""
    with transaction.atomic():
        if not hold(job_id):
            return False
        tell_closed(job_id)
    return True


def tell_closed(job_id: uuid.UUID) -> None:
    """Takes the open end of a held batch away."""
    change = {"job_id": str(job_id), "completed": 0, "failed": 0, "aborted": 0, "images": "[]", "ends": 1}
    enqueue(move_counters([change]), [])


def close_left_open() -> int:
    """Closes the batches whose time is over; returns how many."""
    late = Job.objects.filter(open_until__lt=Now()).order_by("open_until")
    return sum(close(job_id) for job_id in list(late.values_list("id", flat=True)[:_MOST]))
