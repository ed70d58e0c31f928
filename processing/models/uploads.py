"""The rows of uploads that may be continued."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from processing.plumbing.uuid7 import uuid7


class ResumableUpload(models.Model):
    """A file on its way in, in as many requests as it takes; its bytes lie in the storage's incoming place.

    The row says what is safe: `offset` bytes are on the disk, whatever else lies behind them in the file.
    """

    class Protocol(models.TextChoices):
        TUS = "tus"
        DRAFT = "draft"

    class State(models.TextChoices):
        OPEN = "open"
        COMPLETED = "completed"
        REFUSED = "refused"
        EXPIRED = "expired"
        TERMINATED = "terminated"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, related_name="resumable_uploads", db_index=False
    )
    protocol = models.CharField(max_length=5, choices=Protocol)
    state = models.CharField(max_length=10, choices=State, default=State.OPEN)
    length = models.BigIntegerField(null=True, blank=True, help_text="Null: not known yet.")
    offset = models.BigIntegerField(default=0, help_text="Bytes that are on the disk.")
    sha256 = models.BinaryField(default=bytes, help_text="The hash of those bytes, as it can go on.")

    name = models.CharField(max_length=255)
    metadata = models.TextField(blank=True, default="", help_text="tus: Upload-Metadata as it came.")
    webhook_url = models.TextField(blank=True, default="")
    recipes = models.JSONField(default=list, blank=True)
    batch = models.UUIDField(null=True, blank=True, help_text="The open job that it joins.")
    concat = models.TextField(blank=True, default="", help_text="tus: Upload-Concat as it came.")
    digest = models.CharField(max_length=64, blank=True, default="", help_text="Its SHA-256, as promised.")
    waits = models.BooleanField(default=False, help_text="Its last answer waits for the pixels.")

    # The lease: who writes now, and until when nobody else may. Each writer that follows one who never let
    # go of it writes to a file of its own, numbered by `generation`.
    writer = models.UUIDField(null=True, blank=True)
    writer_until = models.DateTimeField(null=True, blank=True)
    generation = models.PositiveIntegerField(default=0)

    job_id = models.UUIDField(null=True, blank=True)
    image_id = models.UUIDField(null=True, blank=True)
    refusal = models.JSONField(default=dict, blank=True, help_text="Status, code and detail of the answer.")

    created_at = models.DateTimeField(db_default=Now())
    updated_at = models.DateTimeField(db_default=Now())
    expires_at = models.DateTimeField()

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["owner"], name="resumable_open", condition=Q(state="open")),
            models.Index(fields=["expires_at"], name="resumable_expiry"),
        ]
        constraints: ClassVar = [
            models.CheckConstraint(
                name="resumable_offset_in_length",
                condition=Q(offset__gte=0) & (Q(length=None) | Q(offset__lte=F("length"))),
            )
        ]

    def __str__(self) -> str:
        return f"{self.name} {self.offset}/{self.length}"

    @property
    def is_partial(self) -> bool:
        """A piece that a final upload puts together with others: never an image by itself."""
        return self.concat == "partial"

    @property
    def is_final(self) -> bool:
        return self.concat.startswith("final")

    @property
    def location(self) -> str:
        return f"/api/uploads/{self.id}"
