"""What upkeep works from: files to remove, and the proof that the sweeper runs."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

from django.conf import settings
from django.db import models
from django.db.models.functions import Now
from django.utils import timezone

from processing.models.statuses import Queue

_LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)


class Share(models.Model):
    """What an account has had of a queue, in virtual time; claims move it (processing/queue/claim.sql)."""

    pk = models.CompositePrimaryKey("owner_id", "queue")
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+", db_index=False)
    queue = models.PositiveSmallIntegerField(choices=Queue)
    start = models.FloatField()
    finish = models.FloatField()


class QueueState(models.Model):
    """Whether a class of work is paused; no row: it is not."""

    queue = models.PositiveSmallIntegerField(primary_key=True, choices=Queue)
    paused_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = "class of work"
        verbose_name_plural = "classes of work"

    def __str__(self) -> str:
        return self.get_queue_display()


class Discard(models.Model):
    """A file that no row needs any more, until it is gone.

    Written in the transaction that made it so; whoever is killed before the file is removed, the sweeper
    finds it here. Names are random and never used again.
    """

    store = models.CharField(max_length=12)
    name = models.CharField(max_length=255)
    created_at = models.DateTimeField(db_default=Now())
    due_at = models.DateTimeField(db_default=Now(), help_text="When the sweeper may remove it.")

    class Meta:
        indexes: ClassVar = [models.Index(fields=["due_at"], name="discard_due")]

    def __str__(self) -> str:
        return f"{self.store}/{self.name}"


class Backfill(models.Model):
    """What a new version still has to add to images from before it, newest first; no row: nothing."""

    name = models.CharField(max_length=20, primary_key=True)
    before = models.UUIDField(null=True, help_text="Images older than this are to be done; none: all.")

    def __str__(self) -> str:
        return self.name


class PulseQuerySet(models.QuerySet["Pulse"]):
    def beat(self, name: str) -> None:
        """Notes that it lives; two that do so at once, also the first time, do not meet."""
        pulse: Any = Pulse(name=name, beat_at=timezone.now())
        self.bulk_create([pulse], update_conflicts=True, unique_fields=["name"], update_fields=["beat_at"])

    def taken(self, name: str, lease: timedelta) -> bool:
        """Whether the caller alone does `name` now, until `leave`, or `lease` is over."""
        pulse: Any = Pulse(name=name, beat_at=_LONG_AGO)
        self.bulk_create([pulse], ignore_conflicts=True)
        now = timezone.now()
        return bool(self.filter(name=name, beat_at__lte=now).update(beat_at=now + lease))

    def leave(self, name: str) -> None:
        self.filter(name=name).update(beat_at=timezone.now())


class Pulse(models.Model):
    """When the sweeper last ran: one row that proves beat, broker, a worker and the database all live."""

    name = models.CharField(max_length=20, primary_key=True)
    beat_at = models.DateTimeField()

    objects: ClassVar = PulseQuerySet.as_manager()

    def __str__(self) -> str:
        return self.name
