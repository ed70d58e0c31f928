"""Plans with their sizes, accounts with their plan and usage."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from django import forms
from django.contrib import admin
from django.contrib.auth.admin import UserAdmin
from django.db.models import Count
from django.template.defaultfilters import filesizeformat
from django.utils import timezone

from imageapi.admin import widgets
from imageapi.admin.images import empty
from processing.accounts.models import Plan, User
from processing.jobs import plan_changes
from processing.models import Image
from processing.queue import dispatch

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from django.http import HttpRequest
    from django.utils.safestring import SafeString

_GIVEN = {"thumbnail_heights", "keeps_original", "allows_links"}


class _PlanForm(forms.ModelForm):
    class Meta:
        model = Plan
        fields = "__all__"

    def clean_thumbnail_heights(self) -> list[int]:
        return sorted(set(self.cleaned_data["thumbnail_heights"]))


@admin.register(Plan)
class PlanAdmin(admin.ModelAdmin):
    form = _PlanForm
    list_display = (
        "name",
        "thumbnail_heights",
        "keeps_original",
        "allows_links",
        "file_size",
        "max_files",
        "storage",
        "requests_per_minute",
        "weight",
        "max_in_hand",
        "accounts",
    )
    list_editable = ("thumbnail_heights", "keeps_original", "allows_links")
    search_fields = ("name",)

    class Media:
        css: ClassVar = {"all": ["uploads/styles/admin.css"]}

    def get_queryset(self, request: HttpRequest) -> QuerySet[Plan]:
        return super().get_queryset(request).annotate(accounts=Count("users"))

    def get_changelist_form(self, request: HttpRequest, **kwargs: Any) -> Any:
        return super().get_changelist_form(request, form=_PlanForm, **kwargs)

    @admin.display(description="File size", ordering="max_file_bytes")
    def file_size(self, plan: Plan) -> str:
        return filesizeformat(plan.max_file_bytes)

    @admin.display(description="Storage", ordering="storage_quota_bytes")
    def storage(self, plan: Plan) -> str:
        return filesizeformat(plan.storage_quota_bytes)

    @admin.display(ordering="accounts")
    def accounts(self, plan: Any) -> int:
        return plan.accounts

    def save_model(self, request: HttpRequest, obj: Plan, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        if change and _GIVEN & set(form.changed_data):
            plan_changes.mark_plan(obj)


@admin.register(User)
class AccountAdmin(UserAdmin):
    """Accounts are switched off, not deleted: their images' files would stay behind."""

    list_display = ("username", "email", "plan", "usage", "is_active", "is_staff", "last_seen", "paused_at")
    actions = ("pause", "resume", "empty_trash")
    list_filter = ("plan", "is_active", "is_staff", "is_superuser")
    list_select_related = ("plan",)
    list_per_page = 50
    readonly_fields = ("usage", "last_login", "date_joined")
    fieldsets = (
        (None, {"fields": ("username", "password")}),
        ("Plan", {"fields": ("plan", "usage")}),
        ("Person", {"fields": ("first_name", "last_name", "email")}),
        ("Permissions", {"fields": ("is_active", "is_staff", "is_superuser", "groups", "user_permissions")}),
        ("Dates", {"fields": ("last_login", "date_joined")}),
    )
    add_fieldsets = (
        (
            None,
            {
                "classes": ("wide",),
                "fields": ("username", "plan", "usable_password", "password1", "password2"),
            },
        ),
    )

    class Media:
        css: ClassVar = {"all": ["uploads/styles/admin.css"]}

    @admin.display(description="Storage used", ordering="used_bytes")
    def usage(self, user: User) -> SafeString | str:
        return widgets.usage(user.used_bytes, user.plan.storage_quota_bytes) if user.pk else widgets.NOTHING

    @admin.display(description="Last login", ordering="last_login")
    def last_seen(self, user: User) -> SafeString:
        return widgets.line(widgets.moment(user.last_login))

    @admin.action(description="Pause: uploads are taken, nothing is made of them", permissions=["change"])
    def pause(self, request: HttpRequest, chosen: QuerySet[User]) -> None:
        count = chosen.filter(paused_at=None).update(paused_at=timezone.now())
        self.message_user(request, f"{count} paused.")

    @admin.action(description="Resume", permissions=["change"])
    def resume(self, request: HttpRequest, chosen: QuerySet[User]) -> None:
        count = chosen.exclude(paused_at=None).update(paused_at=None)
        dispatch.wake()
        dispatch.wake(dispatch.FETCH_TASK, dispatch.FETCH)
        self.message_user(request, f"{count} resumed.")

    @admin.action(description="Empty the trash now", permissions=["change"])
    def empty_trash(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        count = empty(Image.objects.filter(owner__in=queryset))
        self.message_user(request, f"{count:,} deleted images on their way out.")

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        if change and "plan" in form.changed_data:
            plan_changes.mark_account(obj)
