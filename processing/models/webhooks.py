"""The rows behind webhooks: who wants to be told, and every message on its way."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from processing.plumbing.uuid7 import uuid7


class Signing(models.Model):
    """A secret that signs. It can't be kept as a hash; the one before it signs, too, for a while."""

    secret = models.CharField(max_length=80)
    former_secret = models.CharField(max_length=80, blank=True, default="")
    former_until = models.DateTimeField(null=True, blank=True)

    class Meta:
        abstract = True


class Endpoint(Signing):
    """An address that is told of every such event of its account (processing.webhooks.events)."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="endpoints")
    url = models.TextField()
    events = ArrayField(models.CharField(max_length=24))
    created_at = models.DateTimeField(db_default=Now())
    disabled_at = models.DateTimeField(null=True, blank=True)
    disabled_reason = models.CharField(max_length=200, blank=True, default="")

    def __str__(self) -> str:
        return self.url


class SigningSecret(Signing):
    """What signs an account's messages to the `webhook_url` of its jobs."""

    owner = models.OneToOneField(
        settings.AUTH_USER_MODEL, models.CASCADE, primary_key=True, related_name="signing_secret"
    )
    created_at = models.DateTimeField(db_default=Now())

    def __str__(self) -> str:
        return f"secret of {self.owner_id}"


class Delivery(models.Model):
    """One message to one receiver, written in the transaction of the event that it tells.

    Its id is the message's: every try, and every replay, carries the same one.
    """

    class Status(models.TextChoices):
        PENDING = "pending"
        DELIVERED = "delivered"
        FAILED = "failed"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="deliveries")
    endpoint = models.ForeignKey(Endpoint, models.SET_NULL, null=True, blank=True, related_name="deliveries")
    job = models.ForeignKey(
        "processing.Job", models.CASCADE, null=True, blank=True, related_name="deliveries"
    )
    seq = models.PositiveIntegerField(default=0, help_text="Its place among those of its job.")
    url = models.TextField()
    receiver = models.TextField(help_text="Scheme, host and port: what a slow one is told apart by.")
    event = models.CharField(max_length=24)
    body = models.TextField(help_text="Sent as it is, every time: the signature covers its bytes.")

    gathers = models.BooleanField(default=False, help_text="Whether it waits for more images of its job.")

    status = models.CharField(max_length=10, choices=Status, default=Status.PENDING)
    attempt = models.PositiveSmallIntegerField(default=0)
    due_at = models.DateTimeField(db_default=Now())
    lease_until = models.DateTimeField(null=True, blank=True)
    last_status = models.PositiveSmallIntegerField(null=True, blank=True, help_text="The last answer's.")
    last_error = models.CharField(max_length=40, blank=True, default="")
    request_head = models.JSONField(null=True, blank=True, help_text="The headers of the last try.")
    answer_head = models.JSONField(null=True, blank=True, help_text="Those of its answer.")
    created_at = models.DateTimeField(db_default=Now())
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name_plural = "deliveries"
        indexes: ClassVar = [
            models.Index(fields=["owner", "-id"], name="delivery_newest"),
            models.Index(fields=["due_at"], name="delivery_due", condition=Q(status="pending")),
            models.Index(fields=["owner", "receiver"], name="delivery_busy", condition=Q(status="pending")),
        ]

    def __str__(self) -> str:
        return f"{self.event} to {self.url}"

    @property
    def message_id(self) -> str:
        """The `webhook-id` header."""
        return f"msg_{self.id.hex}"
