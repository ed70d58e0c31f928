"""The administrators' pages, at /admin/."""

from __future__ import annotations

from django.contrib import admin

from uploads.admin.accounts import AccountAdmin, PlanAdmin
from uploads.admin.images import ImageAdmin
from uploads.admin.jobs import JobAdmin
from uploads.signin import SignInForm

__all__ = ["AccountAdmin", "ImageAdmin", "JobAdmin", "PlanAdmin"]

admin.site.site_header = admin.site.site_title = "imageapi"
admin.site.index_title = "Administration"
admin.site.login_form = SignInForm
