"""Accounts: users, the plans that say what they may do, answers kept for a repeated request."""

from __future__ import annotations

from typing import ClassVar

from django.contrib.auth.models import AbstractUser
from django.contrib.postgres.fields import ArrayField
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models.functions import Now

from processing.models import Job

MEGABYTE = 1024 * 1024


class Plan(models.Model):
    """What an account gets and how much it may ask."""

    name = models.CharField(max_length=40, unique=True)
    thumbnail_heights = ArrayField(
        models.PositiveIntegerField(validators=[MinValueValidator(16), MaxValueValidator(4096)]),
        size=8,
        help_text="Pixels, separated by commas.",
    )
    keeps_original = models.BooleanField(default=False)
    allows_links = models.BooleanField(default=False, help_text="Expiring links to originals.")
    max_file_bytes = models.BigIntegerField(default=20 * MEGABYTE)
    max_files = models.PositiveIntegerField(default=100, help_text="Files in one request.")
    storage_quota_bytes = models.BigIntegerField(default=5 * 1024 * MEGABYTE)
    requests_per_minute = models.PositiveIntegerField(default=600)

    class Meta:
        ordering: ClassVar = ["id"]

    def __str__(self) -> str:
        return self.name


class User(AbstractUser):
    """An account."""

    plan = models.ForeignKey(Plan, models.PROTECT, related_name="users")
    used_bytes = models.BigIntegerField(
        default=0, editable=False, help_text="Bytes of the uploaded files that are kept, each content once."
    )
    derived_for = ArrayField(
        models.PositiveIntegerField(),
        default=list,
        editable=False,
        help_text="The thumbnail heights for which its images were last looked through; empty: look again.",
    )

    REQUIRED_FIELDS: ClassVar = ["plan"]


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


class CsvRow(models.Model):
    """One line of a CSV of image addresses; its images are `count` of the job's, from `first_index` on."""

    job = models.ForeignKey(Job, models.CASCADE, related_name="csv_rows", db_index=False)
    line = models.PositiveIntegerField()
    serial = models.TextField()
    product = models.TextField()
    urls = models.TextField(help_text="As they came, parted by commas.")
    first_index = models.PositiveIntegerField()
    count = models.PositiveIntegerField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["job", "line"], name="csv_row_once_in_its_job")
        ]

    def __str__(self) -> str:
        return f"line {self.line}: {self.product}"
