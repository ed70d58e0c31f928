"""Recipes of plans, with what each makes of a sample picture."""

from __future__ import annotations

import base64
import io
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Any, ClassVar

from django import forms
from django.contrib import admin
from django.db import transaction
from django.utils.html import format_html, format_html_join
from PIL import Image, ImageDraw

from imageapi.admin import widgets
from processing.accounts.models import StoredRecipe
from processing.accounts.recipes import next_version, refresh
from processing.imaging import recipes
from processing.imaging.renditions import make
from processing.jobs import plan_changes

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from django.http import HttpRequest
    from django.utils.safestring import SafeString

_SAMPLE_SIZE = (1200, 800)
_SHOWN = 320  # px; larger renditions are shown smaller


class _RecipeForm(forms.ModelForm):
    formats = forms.MultipleChoiceField(
        choices=[(kind, kind) for kind in recipes.FORMATS],
        widget=forms.CheckboxSelectMultiple,
        initial=[recipes.AUTO],
        help_text="One rendition in each. auto: JPEG; WebP where there is transparency or animation.",
    )

    class Meta:
        model = StoredRecipe
        exclude = ("owner",)

    def clean(self) -> dict[str, Any]:
        """The recipe's own rules, each error at its field."""
        cleaned = super().clean() or {}
        if not cleaned.get("plan"):
            self.add_error("plan", "A recipe made here belongs to a plan.")
        if not self.errors:
            self._check(cleaned)
        return cleaned

    def _check(self, cleaned: dict[str, Any]) -> None:
        plain = {name: value for name, value in cleaned.items() if name != "plan"}
        quality = {kind: plain.pop(f"quality_{kind}") for kind in recipes.MAX_QUALITY}
        try:
            recipes.Recipe.from_json({**plain, "quality": quality})
        except recipes.InvalidRecipe as error:
            self.add_error(error.attr.replace(".", "_"), error.detail)


@admin.register(StoredRecipe)
class RecipeAdmin(admin.ModelAdmin):
    """A change raises the version: the images of the plan's accounts are made anew in the background."""

    form = _RecipeForm
    list_display = ("name", "plan", "size", "fit", "position", "kinds", "version")
    list_filter = ("plan", "fit")
    list_select_related = ("plan",)
    search_fields = ("name",)
    readonly_fields = ("version", "sample")

    class Media:
        css: ClassVar = {"all": ["uploads/styles/admin.css"]}

    def get_queryset(self, request: HttpRequest) -> QuerySet[StoredRecipe]:
        return super().get_queryset(request).filter(owner=None).order_by("plan_id", "id")

    @admin.display(description="Pixels")
    def size(self, row: StoredRecipe) -> str:
        return f"{row.width or 'any'} × {row.height or 'any'}"

    @admin.display(description="Formats")
    def kinds(self, row: StoredRecipe) -> str:
        return ", ".join(row.formats)

    @admin.display(description="Of a sample picture")
    def sample(self, row: StoredRecipe) -> SafeString | str:
        """What the saved recipe makes; save and go on editing to see a change."""
        return sample_of(row.value()) if row.pk else widgets.NOTHING

    def save_model(self, request: HttpRequest, obj: StoredRecipe, form: Any, change: bool) -> None:
        with transaction.atomic():
            if change:
                before = StoredRecipe.objects.get(pk=obj.pk)
                obj.version = next_version(before.value(), obj.value()).version
                if before.plan_id != obj.plan_id and before.plan:
                    super().save_model(request, obj, form, change)
                    _tell_plan(before)
            super().save_model(request, obj, form, change)
            _tell_plan(obj)

    def delete_model(self, request: HttpRequest, obj: StoredRecipe) -> None:
        with transaction.atomic():
            super().delete_model(request, obj)
            _tell_plan(obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[StoredRecipe]) -> None:
        for row in queryset:
            self.delete_model(request, row)


def _tell_plan(row: StoredRecipe) -> None:
    if row.plan:
        refresh(row.plan)
        plan_changes.mark_plan(row.plan)


def sample_of(recipe: recipes.Recipe) -> SafeString:
    """The renditions as they are, and their sizes."""
    plain = replace(recipe, name="sample")
    made = make(io.BytesIO(_sample()), [plain], max_pixels=2_000_000)
    shown = [
        (
            f"data:{each.content_type};base64,{base64.b64encode(each.data).decode()}",
            min(_SHOWN, each.width),
            f"{each.content_type}, {each.width} × {each.height}, {len(each.data):,} bytes",
        )
        for each in made.renditions
    ]
    figure = (
        '<figure class="look-sample"><img src="{}" width="{}" alt=""><figcaption>{}</figcaption></figure>'
    )
    return format_html("{}", format_html_join("", figure, shown))


@cache
def _sample() -> bytes:
    """A picture with a thing to look at, off its middle."""
    width, height = _SAMPLE_SIZE
    image = Image.linear_gradient("L").resize(_SAMPLE_SIZE)
    picture = Image.merge(
        "RGB", (image, image.point(lambda v: 200 - v // 2), Image.new("L", image.size, 190))
    )
    draw = ImageDraw.Draw(picture)
    draw.ellipse((width * 0.6, height * 0.2, width * 0.85, height * 0.575), fill="#d8452e")
    draw.rectangle((0, height * 0.85, width, height), fill="#3d6b46")
    for x in range(0, width, 60):
        draw.line((x, height * 0.85, x + 30, height), fill="#274a2f", width=4)
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=92)
    return out.getvalue()
