"""Every path of the service."""

from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView

urlpatterns = [
    path("admin", RedirectView.as_view(url="/admin/")),
    path("admin/", admin.site.urls),
    path("", include("uploads.urls")),
]

handler400 = "uploads.problems.bad_request"
handler403 = "uploads.problems.permission_denied"
handler404 = "uploads.problems.not_found"
handler500 = "uploads.problems.server_error"
