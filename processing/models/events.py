"""The logs of jobs and accounts."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from django.conf import settings
from django.db import models
from django.db.models.functions import Now

from processing.models.jobs import Job
from processing.models.statuses import Status

if TYPE_CHECKING:
    import uuid


class EventQuerySet(models.QuerySet["Event"]):
    def after(self, job_id: uuid.UUID, seq: int) -> EventQuerySet:
        return self.filter(job_id=job_id, seq__gt=seq).select_related("job").order_by("seq")

    def of_account(self, owner_id: int, position: int) -> EventQuerySet:
        """What the account's log has after a position."""
        return (
            self.filter(owner_id=owner_id, position__gt=position).select_related("job").order_by("position")
        )


class Event(models.Model):
    """One line of a job's log, written in the transaction that made it true.

    `seq` rises by one with each event of the job, `position` with each of the account: in the order of their
    commits, without gaps. WebSocket, SSE, long poll and webhook all read this log.
    """

    class Type(models.TextChoices):
        PROGRESS = "job.progress"
        FINISHED = "job.finished"

    pk = models.CompositePrimaryKey("job_id", "seq")
    job = models.ForeignKey(Job, models.CASCADE, related_name="events", db_index=False)
    seq = models.PositiveIntegerField()
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+", db_index=False)
    position = models.BigIntegerField()
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
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["owner", "position"], name="event_once_in_its_account")
        ]


class AccountLog(models.Model):
    """Where an account's log ends.

    Locked from an event until its commit: so positions are in the order of commits.
    """

    owner = models.OneToOneField(
        settings.AUTH_USER_MODEL, models.CASCADE, primary_key=True, related_name="account_log"
    )
    position = models.BigIntegerField()

    def __str__(self) -> str:
        return f"log of {self.owner_id}"
