"""What the way in keeps: answers for repeated requests, lines of CSV files."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models.functions import Now

from processing.accounts.models import User
from processing.models import Job


class IdempotencyKey(models.Model):
    """The answer to a request that carried an Idempotency-Key, written with what the request did."""

    owner = models.ForeignKey(User, models.CASCADE, related_name="+", db_index=False)
    route = models.CharField(max_length=40)
    key = models.CharField(max_length=255)
    fingerprint = models.CharField(max_length=64)
    job = models.ForeignKey(Job, models.CASCADE, null=True, related_name="+")
    status = models.PositiveSmallIntegerField()
    answer = models.JSONField()
    created_at = models.DateTimeField(db_default=Now(), db_index=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["owner", "route", "key"], name="idempotency_key_once")
        ]

    def __str__(self) -> str:
        return self.key


class CsvFile(models.Model):
    """How a CSV of image addresses was written; what goes back is written alike."""

    job = models.OneToOneField(Job, models.CASCADE, primary_key=True, related_name="csv_file")
    has_bom = models.BooleanField(help_text="It began with a byte order mark, as Excel wants UTF-8 to begin.")

    def __str__(self) -> str:
        return str(self.job_id)


class CsvRow(models.Model):
    """One line of a CSV of image addresses; its images are `count` of the job's, from `first_index` on."""

    job = models.ForeignKey(Job, models.CASCADE, related_name="csv_rows", db_index=False)
    line = models.PositiveIntegerField()
    serial = models.TextField()
    product = models.TextField()
    urls = models.TextField(help_text="The cell as it came.")
    first_index = models.PositiveIntegerField()
    count = models.PositiveIntegerField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["job", "line"], name="csv_row_once_in_its_job")
        ]

    def __str__(self) -> str:
        return f"line {self.line}: {self.product}"
