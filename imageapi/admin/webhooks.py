"""Webhooks in the admin: a log to look at, with a way to send again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin

from processing.models import Delivery, Endpoint
from processing.webhooks import deliveries

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from django.http import HttpRequest


class _ReadOnly(admin.ModelAdmin):
    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Delivery)
class DeliveryAdmin(_ReadOnly):
    list_display = ("id", "owner", "event", "url", "status", "attempt", "last_status", "last_error", "due_at")
    list_filter = ("status", "event")
    search_fields = ("id", "url", "job__id")
    list_select_related = ("owner",)
    actions = ("send_again",)
    show_full_result_count = False

    @admin.action(description="Send again", permissions=["view"])
    def send_again(self, request: HttpRequest, chosen: QuerySet[Delivery]) -> None:
        count = deliveries.replay(Delivery.objects.filter(id__in=chosen.values("id")))
        self.message_user(request, f"{count} of {len(chosen)} go again; the others are still on their way.")


@admin.register(Endpoint)
class EndpointAdmin(_ReadOnly):
    list_display = ("id", "owner", "url", "events", "created_at", "disabled_at", "disabled_reason")
    list_select_related = ("owner",)
    exclude = ("secret", "former_secret")
