"""Images: looked through, searched, sent again."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any, ClassVar

from django.contrib import admin, messages
from django.db import transaction
from django.template.defaultfilters import filesizeformat
from django.utils.html import format_html, format_html_join
from kombu.exceptions import OperationalError

from imageapi.admin import widgets
from imageapi.admin.readonly import LookOnly
from imageapi.tasks import purge_deleted_images
from processing.accounts import quota
from processing.accounts.models import User
from processing.files import link_permits, storage
from processing.jobs import deletion, derivations, lifecycle
from processing.models import Image, Job, Status

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from django.http import HttpRequest
    from django.utils.safestring import SafeString


class _Deleted(admin.SimpleListFilter):
    title = "deleted"
    parameter_name = "deleted"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("no", "No"), ("yes", "Yes")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Image]) -> QuerySet[Image]:
        if self.value() in ("no", "yes"):
            return queryset.filter(deleted_at__isnull=self.value() == "no")
        return queryset


@admin.register(Image)
class ImageAdmin(LookOnly):
    list_display = (
        "preview",
        "name",
        "owner",
        "state",
        "palette",
        "file",
        "uploaded",
    )
    list_display_links = ("preview", "name")
    list_filter = ("status", _Deleted, "has_original", "content_type", "uploaded_at")
    list_select_related = ("owner",)
    search_fields = ("name", "^checksum", "owner__username")
    search_help_text = "Name, beginning of the SHA-256 checksum, or owner."
    ordering = ("-id",)
    actions = ("retry", "derive_again", "delete_softly", "restore", "empty_trash", "revoke_links")
    fields = (
        "large_preview",
        "palette",
        "name",
        "owner",
        "job",
        "state",
        "error",
        "file_size",
        "pixels",
        "content_type",
        "checksum",
        "files",
        "losses",
        "has_original",
        "duplicate_of",
        "attempt",
        "uploaded_at",
        "finished_at",
        "deleted_at",
    )

    class Media:
        css: ClassVar = {"all": ["uploads/styles/admin.css"]}

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Image], search_term: str
    ) -> tuple[QuerySet[Image], bool]:
        return super().get_search_results(request, queryset, search_term.removeprefix("sha256:"))

    @admin.display(description="")
    def preview(self, image: Image) -> SafeString | str:
        return widgets.thumbnail(image)

    @admin.display(description="Preview")
    def large_preview(self, image: Image) -> SafeString | str:
        return widgets.thumbnail(image, most_height=400)

    @admin.display(description="Colours")
    def palette(self, image: Image) -> SafeString | str:
        return widgets.swatches(image)

    @admin.display(description="Status", ordering="status")
    def state(self, image: Image) -> SafeString:
        return widgets.status("deleted" if image.deleted_at else image.status)

    @admin.display(description="File", ordering="size")
    def file(self, image: Image) -> SafeString:
        return widgets.line(self.pixels(image), self.file_size(image))

    @admin.display(description="Uploaded", ordering="uploaded_at")
    def uploaded(self, image: Image) -> SafeString:
        return widgets.line(widgets.moment(image.uploaded_at))

    @admin.display(description="Size", ordering="size")
    def file_size(self, image: Image) -> str:
        return filesizeformat(image.size)

    @admin.display(description="Pixels")
    def pixels(self, image: Image) -> str:
        return f"{image.width:,} × {image.height:,}"

    @admin.display
    def error(self, image: Image) -> str:
        return f"{image.error_code}: {image.error_detail}" if image.error_code else widgets.NOTHING

    @admin.display(description="Renditions")
    def files(self, image: Image) -> SafeString | str:
        rows = [
            (
                storage.rendition_url(image.key, rendition["file"]),
                rendition["name"],
                f"{rendition['width']} × {rendition['height']}, {filesizeformat(rendition['size'])}",
            )
            for rendition in image.renditions
        ]
        return format_html("<ul>{}</ul>", format_html_join("", '<li><a href="{}">{}</a> {}</li>', rows))

    @admin.action(description="Retry failed images", permissions=["manage"])
    def retry(self, request: HttpRequest, queryset: QuerySet[Image]) -> None:
        failed = set(queryset.filter(status=Status.FAILED).values_list("id", flat=True))
        concerned = Job.objects.filter(images__in=failed).distinct()
        _tell(request, sum(lifecycle.retry(job, only=failed) for job in concerned), "sent again")

    @admin.action(description="Make missing renditions", permissions=["manage"])
    def derive_again(self, request: HttpRequest, queryset: QuerySet[Image]) -> None:
        chosen = set(queryset.values_list("id", flat=True))
        owners = User.objects.select_related("plan").filter(images__in=chosen).distinct().order_by("id")
        _tell(request, sum(_derive(owner, chosen) for owner in owners), "on their way as background jobs")

    @admin.action(description="Delete softly", permissions=["manage"])
    def delete_softly(self, request: HttpRequest, queryset: QuerySet[Image]) -> None:
        chosen = queryset.filter(deleted_at=None).values_list("id", flat=True)
        _tell(request, deletion.delete_all(list(chosen)), "deleted")

    @admin.action(description="Restore", permissions=["manage"])
    def restore(self, request: HttpRequest, queryset: QuerySet[Image]) -> None:
        chosen = queryset.exclude(deleted_at=None).values_list("id", flat=True)
        _tell(request, deletion.restore_all(list(chosen)), "restored")

    @admin.action(description="Remove deleted images for good now", permissions=["manage"])
    def empty_trash(self, request: HttpRequest, queryset: QuerySet[Image]) -> None:
        _tell(request, empty(queryset), "on their way out")

    @admin.action(description="Revoke expiring links", permissions=["manage"])
    def revoke_links(self, request: HttpRequest, queryset: QuerySet[Image]) -> None:
        _tell(request, link_permits.revoke(list(queryset.values_list("id", flat=True))), "without links now")


def _derive(owner: User, chosen: set[Any]) -> int:
    recipes = owner.plan.recipes()
    with transaction.atomic():
        quota.hold(owner.id)  # none of them is purged meanwhile
        lacking = [image_id for image_id in derivations.lacking(owner.id, recipes) if image_id in chosen]
        derivations.submit(owner.id, recipes, lacking)
    return len(lacking)


def empty(images: Any) -> int:
    """Lets a worker remove the deleted ones of these images now instead of after the retention time."""
    count = deletion.hasten(images)
    with suppress(OperationalError):  # without the broker the hourly round takes them
        purge_deleted_images.delay()
    return count


def _tell(request: HttpRequest, count: int, what: str) -> None:
    level = messages.SUCCESS if count else messages.WARNING
    messages.add_message(request, level, f"{count:,} image{'' if count == 1 else 's'} {what}.")
