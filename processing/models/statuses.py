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


class Queue(models.IntegerChoices):
    """The classes of work, in the order in which they are served."""

    INTERACTIVE = 0, "interactive"
    BULK = 1, "bulk"
    FETCH = 2, "fetch"


class NearDuplicates(models.TextChoices):
    """What becomes of an image that looks like one that the account has already."""

    ALLOW = "allow"
    MARK = "mark"  # it says which one
    REJECT = "reject"  # it fails


class Waits(models.TextChoices):
    """What a pending image waits for; without any of these, for a worker that makes its pixels."""

    FETCH = "fetch"  # its bytes are still somewhere else
    TURN = "turn"  # the image before it in its job
    TWIN = "twin"  # an earlier image of the same bytes, with which it is finished
