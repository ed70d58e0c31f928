"""Jobs: how far they are, tried again, cancelled."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from django.contrib import admin, messages

from imageapi.admin import widgets
from imageapi.admin.readonly import LookOnly
from processing.jobs import lifecycle
from processing.models import Job

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from django.http import HttpRequest
    from django.utils.safestring import SafeString


@admin.register(Job)
class JobAdmin(LookOnly):
    list_display = ("short_id", "kind", "owner", "state", "progress", "created", "finished")
    list_filter = ("status", "kind", "created_at")
    list_select_related = ("owner",)
    search_fields = ("=id", "owner__username")
    search_help_text = "Id or owner."
    ordering = ("-id",)
    actions = ("retry", "cancel")
    fields = (
        "id",
        "kind",
        "owner",
        "state",
        "progress",
        "pictures",
        "completed",
        "failed",
        "aborted",
        "total",
        "seq",
        "recipes",
        "webhook_url",
        "created_at",
        "updated_at",
        "finished_at",
    )

    class Media:
        css: ClassVar = {"all": ["uploads/styles/admin.css"]}

    @admin.display(description="Id", ordering="id")
    def short_id(self, job: Job) -> SafeString:
        text = str(job.id)
        return widgets.line(f"{text[:8]}…{text[-4:]}")

    @admin.display(description="Created", ordering="created_at")
    def created(self, job: Job) -> SafeString:
        return widgets.line(widgets.moment(job.created_at))

    @admin.display(description="Finished", ordering="finished_at")
    def finished(self, job: Job) -> SafeString:
        return widgets.line(widgets.moment(job.finished_at))

    @admin.display(description="Status", ordering="status")
    def state(self, job: Job) -> SafeString:
        return widgets.status(job.status)

    @admin.display
    def progress(self, job: Job) -> SafeString:
        return widgets.progress(job.completed + job.failed + job.aborted, job.total, failed=job.failed)

    @admin.display(description="Images")
    def pictures(self, job: Job) -> SafeString:
        return widgets.link(f"{job.total:,}", "admin:processing_image_changelist", job__id__exact=job.id)

    @admin.action(description="Retry what failed", permissions=["manage"])
    def retry(self, request: HttpRequest, queryset: QuerySet[Job]) -> None:
        count = sum(lifecycle.retry(job) for job in queryset)
        messages.success(request, f"{count:,} sent again.")

    @admin.action(description="Cancel what has not started", permissions=["manage"])
    def cancel(self, request: HttpRequest, queryset: QuerySet[Job]) -> None:
        count = sum(lifecycle.cancel(job) for job in queryset)
        messages.success(request, f"{count:,} cancelled.")
