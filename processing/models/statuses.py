"""Where an image or a job stands."""

from __future__ import annotations

from django.db import models


class Status(models.TextChoices):
    """Where an image or a job stands. A job alone can be `partial`: finished, some of it failed."""

    PENDING = "pending"
    PROCESSING = "processing"
    COMPLETED = "completed"
    PARTIAL = "partial"
    FAILED = "failed"
    ABORTED = "aborted"


IMAGE_STATUSES = [status for status in Status if status is not Status.PARTIAL]
UNFINISHED = (Status.PENDING, Status.PROCESSING)
