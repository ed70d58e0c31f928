"""The administrators' pages, at /admin/."""

from __future__ import annotations

from django.contrib import admin

from imageapi.admin.accounts import AccountAdmin, PlanAdmin
from imageapi.admin.images import ImageAdmin
from imageapi.admin.jobs import JobAdmin
from imageapi.admin.queues import QueueStateAdmin
from imageapi.admin.recipes import RecipeAdmin
from imageapi.admin.webhooks import DeliveryAdmin, EndpointAdmin
from uploads.api.sign_in import SignInForm

__all__ = [
    "AccountAdmin",
    "DeliveryAdmin",
    "EndpointAdmin",
    "ImageAdmin",
    "JobAdmin",
    "PlanAdmin",
    "QueueStateAdmin",
    "RecipeAdmin",
]

admin.site.site_header = admin.site.site_title = "imageapi"
admin.site.index_title = "Administration"
admin.site.login_form = SignInForm
