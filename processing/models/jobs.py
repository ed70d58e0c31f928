"""What one request asked for."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, ClassVar

from django.conf import settings
from django.db import models, transaction
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils import timezone

from processing.models.statuses import Queue, Status
from processing.plumbing.request_id import request_id
from processing.plumbing.uuid7 import uuid7

if TYPE_CHECKING:
    from collections.abc import Sequence

    from processing.imaging.recipes import Recipe

logger = logging.getLogger(__name__)


class Job(models.Model):
    """What one request asked for; its counters always equal its images' states."""

    class Kind(models.TextChoices):
        SINGLE = "single"
        MULTI = "multi"
        BATCH = "batch"
        CSV = "csv"
        CANVAS = "canvas"
        DERIVE = "derive"
        RESUMABLE = "resumable"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="jobs")
    kind = models.CharField(max_length=9, choices=Kind)
    status = models.CharField(max_length=10, choices=Status, default=Status.PENDING)
    total = models.PositiveIntegerField()
    completed = models.PositiveIntegerField(default=0)
    failed = models.PositiveIntegerField(default=0)
    aborted = models.PositiveIntegerField(default=0)
    purged = models.PositiveIntegerField(
        default=0, help_text="Images that were deleted, and whose rows are gone; the counters keep them."
    )
    seq = models.PositiveIntegerField(default=0, help_text="The number of the last event.")
    recipes = models.JSONField(
        default=list,
        db_column="recipe",
        help_text="What to make of each image: processing.imaging.recipes.",
    )
    canvas = models.JSONField(
        null=True, blank=True, help_text="What to draw: processing.jobs.canvases.Asked."
    )
    webhook_url = models.TextField(blank=True, default="")
    open_until = models.DateTimeField(
        null=True, blank=True, help_text="Until when images may join it; its total counts one more till then."
    )
    request_id = models.CharField(max_length=64, blank=True, default="", help_text="For the logs.")
    created_at = models.DateTimeField(db_default=Now())
    updated_at = models.DateTimeField(db_default=Now())
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["owner", "-id"]),
            models.Index(fields=["owner", "updated_at"]),
            models.Index(fields=["open_until"], name="job_open", condition=Q(open_until__isnull=False)),
        ]
        constraints: ClassVar = [
            models.CheckConstraint(
                name="job_counts_at_most_total",
                condition=Q(total__gte=F("completed") + F("failed") + F("aborted")),
            ),
            models.CheckConstraint(
                name="job_finished_when_all_counted",
                condition=Q(finished_at__isnull=True, total__gt=F("completed") + F("failed") + F("aborted"))
                | Q(finished_at__isnull=False, total=F("completed") + F("failed") + F("aborted")),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.id}"

    @property
    def queue(self) -> Queue:
        """Somebody waits for each of the few images of one kind, nobody for each of the many of the other."""
        awaited = (self.Kind.SINGLE, self.Kind.MULTI, self.Kind.RESUMABLE)
        return Queue.INTERACTIVE if self.kind in awaited else Queue.BULK

    @classmethod
    def begin(cls, owner_id: int, kind: str, recipes: Sequence[Recipe], total: int, **more: Any) -> Job:
        """Writes the row of a job that begins now, with what the log needs to name its request."""
        job = cls.objects.create(
            owner_id=owner_id,
            kind=kind,
            recipes=[recipe.to_json() for recipe in recipes],
            total=total,
            request_id=request_id.get(),
            created_at=timezone.now(),
            **more,
        )
        fields = {"job": job.id, "kind": kind, "images": total, "account": owner_id}
        transaction.on_commit(lambda: logger.info("job submitted", extra=fields))
        return job
