"""Work that comes into exactly one worker's hands at a time, and out of a dead one's."""

from __future__ import annotations

from typing import ClassVar

from django.db import models

from processing.models.statuses import IMAGE_STATUSES, Status


class Leased(models.Model):
    """A row that a worker holds under a lease: one that has lost it, and comes back late, changes nothing.

    The number of the lease is the fence. A worker that lives renews it; one that died lets it run out.
    """

    status = models.CharField(
        max_length=10, choices=[(s.value, s.label) for s in IMAGE_STATUSES], default=Status.PENDING
    )
    attempt = models.PositiveSmallIntegerField(default=0, help_text="How often it was begun.")
    lease = models.BigIntegerField(
        null=True, blank=True, help_text="The number of the lease it was last under."
    )
    lease_until = models.DateTimeField(
        null=True, blank=True, help_text="Until when a worker holds it, or nobody is to take it."
    )
    error_code = models.CharField(max_length=40, blank=True, default="")
    error_detail = models.TextField(blank=True, default="")

    class Meta:
        abstract: ClassVar[bool] = True
