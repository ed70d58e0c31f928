"""A job's log."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from django.db import models
from django.db.models.functions import Now

from processing.models.jobs import Job
from processing.models.statuses import Status

if TYPE_CHECKING:
    import uuid


class EventQuerySet(models.QuerySet["Event"]):
    def after(self, job_id: uuid.UUID, seq: int) -> EventQuerySet:
        return self.filter(job_id=job_id, seq__gt=seq).select_related("job").order_by("seq")


class Event(models.Model):
    """One line of a job's log, written in the transaction that made it true.

    `seq` rises by one with each event of the job. WebSocket, long poll and webhook all read this log.
    """

    class Type(models.TextChoices):
        PROGRESS = "job.progress"
        FINISHED = "job.finished"

    pk = models.CompositePrimaryKey("job_id", "seq")
    job = models.ForeignKey(Job, models.CASCADE, related_name="events", db_index=False)
    seq = models.PositiveIntegerField()
    type = models.CharField(max_length=16, choices=Type)
    status = models.CharField(max_length=10, choices=Status)
    completed = models.PositiveIntegerField()
    failed = models.PositiveIntegerField()
    aborted = models.PositiveIntegerField()
    finished_at = models.DateTimeField(null=True)
    # Text, not jsonb: it is written once and goes out as it is.
    images = models.TextField(default="[]", help_text="The images that changed, as a JSON array.")
    created_at = models.DateTimeField(db_default=Now())

    objects: ClassVar = EventQuerySet.as_manager()

    class Meta:
        indexes: ClassVar = [models.Index(fields=["created_at"], name="event_age")]
