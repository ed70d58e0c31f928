"""Accounts: users, and the plans that say what they may do."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib.auth.models import AbstractUser
from django.contrib.postgres.fields import ArrayField
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models, transaction

from processing.imaging import Recipe

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
    weight = models.PositiveSmallIntegerField(
        default=1,
        validators=[MinValueValidator(1), MaxValueValidator(1000)],
        help_text="Its accounts' part of the workers where several have images waiting.",
    )
    max_in_hand = models.PositiveIntegerField(
        null=True,
        blank=True,
        validators=[MinValueValidator(1)],
        help_text="Images of one account that are worked on at a time; empty: no limit.",
    )

    class Meta:
        ordering: ClassVar = ["id"]

    def __str__(self) -> str:
        return self.name

    def recipe(self) -> Recipe:
        """What is made of the images of its accounts."""
        return Recipe(heights=tuple(self.thumbnail_heights))


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

    paused_at = models.DateTimeField(
        null=True,
        blank=True,
        editable=False,
        help_text="Since when its images wait; uploads are still taken.",
    )

    REQUIRED_FIELDS: ClassVar = ["plan"]

    def save(self, *args: Any, **kwargs: Any) -> None:
        """A new password ends what the old one opened: the tokens here; each session keeps its hash."""
        has_new_password = getattr(self, "_password", None) is not None and not self._state.adding
        with transaction.atomic():
            super().save(*args, **kwargs)
            if has_new_password:
                self.auth_token_set.all().delete()  # type: ignore[attr-defined]


def plan_of(owner_id: int) -> Plan:
    """The account's plan as it is now: what it lets its owner see."""
    return Plan.objects.get(users=owner_id)
