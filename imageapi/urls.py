"""Every path of the service."""

from django.contrib import admin
from django.urls import include, path

from imageapi.metrics import metrics_view

urlpatterns = [
    path("admin/", admin.site.urls),
    path("metrics", metrics_view, name="metrics"),
    path("metrics/", metrics_view),
    path("", include("uploads.urls")),
]

handler400 = "uploads.problems.bad_request"
handler403 = "uploads.problems.permission_denied"
handler404 = "uploads.problems.not_found"
handler500 = "uploads.problems.server_error"
