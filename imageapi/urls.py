"""Every path of the service."""

from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView
from drf_spectacular.views import SpectacularSwaggerSplitView

from imageapi.asyncapi import asyncapi
from imageapi.description import Description
from imageapi.observability.metrics import metrics_view

admin.autodiscover()
schema = Description.as_view()
# Its script by itself, not in the page, where the policy would forbid it.
docs = SpectacularSwaggerSplitView.as_view(url_name="schema", template_name="uploads/docs.html")

urlpatterns = [
    path("admin", RedirectView.as_view(pattern_name="admin:index")),
    path("admin/", admin.site.urls),
    path("metrics", metrics_view, name="metrics"),
    path("metrics/", metrics_view),
    path("api/schema", schema),
    path("api/schema/", schema, name="schema"),
    path("api/docs", docs),
    path("api/docs/", docs, name="docs"),
    path("api/asyncapi.yaml", asyncapi, name="asyncapi"),
    path("", include("uploads.api.urls")),
    path("", include("uploads.page.urls")),
]

handler400 = "uploads.api.problems.bad_request"
handler403 = "uploads.api.problems.permission_denied"
handler404 = "uploads.api.problems.not_found"
handler500 = "uploads.api.problems.server_error"
