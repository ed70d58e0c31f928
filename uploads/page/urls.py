"""The paths that a person opens in a browser."""

from __future__ import annotations

from django.urls import path

from uploads.api.urls import either
from uploads.page import session, views

urlpatterns = [
    *either("login", session.enter, "login"),
    *either("logout", session.leave, "logout"),
    path("", views.page, name="page"),
]
