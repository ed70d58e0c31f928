"""The administrators' pages, at /admin/."""

from __future__ import annotations

from django.contrib import admin
from django.contrib.auth.models import Group
from knox.models import AuthToken

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

admin.site.login_form = SignInForm
# Plans say who may do what, and a person ends own keys: both lists would only be empty or puzzling.
admin.site.unregister((Group, AuthToken))
