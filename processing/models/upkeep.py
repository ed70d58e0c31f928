"""What upkeep works from: files to remove, and the proof that the sweeper runs."""

from __future__ import annotations

from django.db import models
from django.db.models.functions import Now


class Discard(models.Model):
    """A file that no row needs any more, until it is gone.

    Written in the transaction that made it so; whoever is killed before the file is removed, the sweeper
    finds it here. Names are random and never used again.
    """

    store = models.CharField(max_length=12)
    name = models.CharField(max_length=255)
    created_at = models.DateTimeField(db_default=Now())

    def __str__(self) -> str:
        return f"{self.store}/{self.name}"


class Pulse(models.Model):
    """When the sweeper last ran: one row that proves beat, broker, a worker and the database all live."""

    name = models.CharField(max_length=20, primary_key=True)
    beat_at = models.DateTimeField()

    def __str__(self) -> str:
        return self.name
