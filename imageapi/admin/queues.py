"""The classes of work: what waits in each, pause and resume."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import admin
from django.utils import timezone

from imageapi.admin.readonly import LookOnly
from processing.models import Queue, QueueState
from processing.queue import dispatch
from processing.upkeep import backlog

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from django.http import HttpRequest


@admin.register(QueueState)
class QueueStateAdmin(LookOnly):
    """Uploads are taken meanwhile; what is paused waits, and other classes go on."""

    list_display = ("name", "waiting", "oldest", "paused_at")
    list_display_links = None
    actions = ("pause", "resume")

    def get_queryset(self, request: HttpRequest) -> QuerySet[QueueState]:
        states = [QueueState(queue=queue) for queue in Queue]
        QueueState.objects.bulk_create(states, ignore_conflicts=True)
        return super().get_queryset(request).order_by("queue")

    @admin.display(description="Class")
    def name(self, state: QueueState) -> str:
        return Queue(state.queue).label

    @admin.display(description="Images waiting")
    def waiting(self, state: QueueState) -> int:
        return sum(each.images for each in backlog.unfinished()[0] if self._is(each, state))

    @admin.display(description="Oldest, in seconds")
    def oldest(self, state: QueueState) -> int:
        return round(max(each.oldest for each in backlog.unfinished()[0] if self._is(each, state)))

    @staticmethod
    def _is(each: backlog.Unfinished, state: QueueState) -> bool:
        return each.queue == Queue(state.queue).label and each.status == "pending"

    @admin.action(description="Pause", permissions=["manage"])
    def pause(self, request: HttpRequest, chosen: QuerySet[QueueState]) -> None:
        count = chosen.filter(paused_at=None).update(paused_at=timezone.now())
        self.message_user(request, f"{count} paused.")

    @admin.action(description="Resume", permissions=["manage"])
    def resume(self, request: HttpRequest, chosen: QuerySet[QueueState]) -> None:
        count = chosen.exclude(paused_at=None).update(paused_at=None)
        dispatch.wake()
        dispatch.wake(dispatch.FETCH_TASK, dispatch.FETCH)
        self.message_user(request, f"{count} resumed.")
