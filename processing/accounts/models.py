"""Accounts: users, and the plans that say what they may do."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, ClassVar

from django.contrib.auth.models import AbstractUser
from django.contrib.postgres.fields import ArrayField
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models, transaction

from processing.imaging.recipes import (
    ANIMATIONS,
    FITS,
    FORMATS,
    MAX_QUALITY,
    MAX_SIDE,
    POSITIONS,
    WEB,
    Quality,
    Recipe,
    thumbnail,
)

MEGABYTE = 1024 * 1024


def _first_recipes() -> list[dict[str, Any]]:
    return [WEB.to_json()]


class Plan(models.Model):
    """What an account gets and how much it may ask."""

    name = models.CharField(max_length=40, unique=True)
    thumbnail_heights = ArrayField(
        models.PositiveIntegerField(validators=[MinValueValidator(16), MaxValueValidator(4096)]),
        size=8,
        help_text="Pixels, separated by commas. Each is a recipe, thumbnail-<height>.",
    )
    recipe_list = models.JSONField(
        default=_first_recipes,
        editable=False,
        help_text="What the rows of its recipes say: every upload reads the plan, and no more than that.",
    )
    max_recipes = models.PositiveIntegerField(default=5, help_text="Recipes of an account's own.")
    keeps_original = models.BooleanField(default=False)
    allows_links = models.BooleanField(default=False, help_text="Expiring links to originals.")
    max_file_bytes = models.BigIntegerField(default=20 * MEGABYTE)
    max_files = models.PositiveIntegerField(default=100, help_text="Files in one request.")
    storage_quota_bytes = models.BigIntegerField(default=5 * 1024 * MEGABYTE)
    requests_per_minute = models.PositiveIntegerField(default=600)
    upload_hours = models.PositiveSmallIntegerField(
        default=24,
        validators=[MinValueValidator(1), MaxValueValidator(24 * 30)],
        help_text="How long an unfinished upload, and an open batch, may go on.",
    )
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

    def save(self, *args: Any, **kwargs: Any) -> None:
        begins = self._state.adding
        super().save(*args, **kwargs)
        if begins:
            StoredRecipe.objects.bulk_create(
                StoredRecipe.of(Recipe.from_json(recipe), plan=self) for recipe in self.recipe_list
            )

    @property
    def upload_lifetime(self) -> timedelta:
        return timedelta(hours=self.upload_hours)

    def recipes(self) -> tuple[Recipe, ...]:
        """What is made of the images of its accounts; a row says more than a height does."""
        stored = [Recipe.from_json(recipe) for recipe in self.recipe_list]
        named = {recipe.name for recipe in stored}
        heights = [thumbnail(height) for height in self.thumbnail_heights]
        return (*stored, *(recipe for recipe in heights if recipe.name not in named))


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
    derived_recipes = models.JSONField(
        default=list, editable=False, help_text="The plan's recipes for which they were."
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


def _choices(words: tuple[str, ...]) -> list[tuple[str, str]]:
    return [(word, word) for word in words]


_PIXELS: Any = [MinValueValidator(1), MaxValueValidator(MAX_SIDE)]


def _quality(name: str, default: int) -> models.PositiveSmallIntegerField[Any, Any]:
    allowed: Any = [MinValueValidator(1), MaxValueValidator(MAX_QUALITY[name])]
    return models.PositiveSmallIntegerField(default=default, validators=allowed)


class StoredRecipe(models.Model):
    """A recipe of a plan, or of an account's own; its version rises when what it makes changes."""

    plan = models.ForeignKey(Plan, models.CASCADE, null=True, blank=True, related_name="stored_recipes")
    owner = models.ForeignKey(User, models.CASCADE, null=True, blank=True, related_name="stored_recipes")
    name = models.CharField(max_length=40, help_text="1 to 40 of the characters a-z, 0-9 and -.")
    width = models.PositiveIntegerField(null=True, blank=True, validators=_PIXELS, help_text="Pixels.")
    height = models.PositiveIntegerField(null=True, blank=True, validators=_PIXELS, help_text="Pixels.")
    fit = models.CharField(max_length=8, choices=_choices(FITS), default="inside")
    position = models.CharField(max_length=16, choices=_choices(POSITIONS), default="center")
    enlarge = models.BooleanField(default=False)
    formats = ArrayField(models.CharField(max_length=8, choices=_choices(FORMATS)), default=list)
    quality_jpeg = _quality("jpeg", Quality().jpeg)
    quality_webp = _quality("webp", Quality().webp)
    quality_avif = _quality("avif", Quality().avif)
    animation = models.CharField(max_length=8, choices=_choices(ANIMATIONS), default="keep")
    background = models.CharField(max_length=7, default="#ffffff")
    version = models.PositiveIntegerField(default=1, editable=False)

    class Meta:
        verbose_name = "recipe"
        constraints: ClassVar = [
            models.CheckConstraint(
                name="recipe_of_a_plan_or_an_account",
                condition=models.Q(plan__isnull=True) ^ models.Q(owner__isnull=True),
            ),
            models.UniqueConstraint(fields=["plan", "name"], name="recipe_once_in_its_plan"),
            models.UniqueConstraint(fields=["owner", "name"], name="recipe_once_in_its_account"),
        ]

    def __str__(self) -> str:
        return self.name

    @classmethod
    def of(cls, recipe: Recipe, **whose: Any) -> StoredRecipe:
        row = cls(**whose)
        row.take(recipe)
        return row

    def take(self, recipe: Recipe) -> None:
        """Becomes this recipe, its version too."""
        for name, value in recipe.to_json().items():
            if name == "quality":
                self.quality_jpeg, self.quality_webp = value["jpeg"], value["webp"]
                self.quality_avif = value["avif"]
            else:
                setattr(self, name, value)

    def value(self) -> Recipe:
        """Raises InvalidRecipe for a row that is none."""
        return Recipe(
            name=self.name,
            width=self.width,
            height=self.height,
            fit=self.fit,
            position=self.position,
            enlarge=self.enlarge,
            formats=tuple(self.formats),
            quality=Quality(self.quality_jpeg, self.quality_webp, self.quality_avif),
            animation=self.animation,
            background=self.background,
            version=self.version,
        )


def plan_of(owner_id: int) -> Plan:
    """The account's plan as it is now: what it lets its owner see."""
    return Plan.objects.get(users=owner_id)
