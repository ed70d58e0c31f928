"""Renditions that existing images are given in the background."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q

from processing.models.images import Image
from processing.models.jobs import Job
from processing.models.statuses import IMAGE_STATUSES, Status
from processing.plumbing.uuid7 import uuid7


class Derivation(models.Model):
    """One image of which a derive job makes the renditions that it lacks.

    The image belongs to the job that took it in, and stays completed meanwhile: what is under way, leased,
    tried again and counted is this row.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    job = models.ForeignKey(Job, models.CASCADE, related_name="derivations", db_index=False)
    image = models.ForeignKey(Image, models.CASCADE, related_name="derivations")
    index = models.PositiveIntegerField()
    status = models.CharField(
        max_length=10, choices=[(s.value, s.label) for s in IMAGE_STATUSES], default=Status.PENDING
    )
    attempt = models.PositiveSmallIntegerField(default=0)
    sent_at = models.DateTimeField(null=True, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)
    error_code = models.CharField(max_length=40, blank=True, default="")
    error_detail = models.TextField(blank=True, default="")

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["job", "index"], name="derivation_once_in_its_job")
        ]
        indexes: ClassVar = [
            models.Index(
                fields=["sent_at"],
                name="derivation_unfinished",
                condition=Q(status__in=["pending", "processing"]),
            )
        ]

    def __str__(self) -> str:
        return f"{self.job_id} {self.index}"
