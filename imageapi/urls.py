"""Every path of the service."""

from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView
from drf_spectacular.renderers import OpenApiJsonRenderer2, OpenApiYamlRenderer
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerView

from imageapi.asyncapi import asyncapi
from imageapi.observability.metrics import metrics_view

schema = SpectacularAPIView.as_view(renderer_classes=[OpenApiJsonRenderer2, OpenApiYamlRenderer])

urlpatterns = [
    path("admin", RedirectView.as_view(url="/admin/")),
    path("admin/", admin.site.urls),
    path("metrics", metrics_view, name="metrics"),
    path("metrics/", metrics_view),
    path("api/schema", schema),
    path("api/schema/", schema, name="schema"),
    path("api/docs", SpectacularSwaggerView.as_view(url_name="schema")),
    path("api/docs/", SpectacularSwaggerView.as_view(url_name="schema"), name="docs"),
    path("api/asyncapi.yaml", asyncapi, name="asyncapi"),
    path("", include("uploads.api.urls")),
    path("", include("uploads.page.urls")),
]

handler400 = "uploads.api.problems.bad_request"
handler403 = "uploads.api.problems.permission_denied"
handler404 = "uploads.api.problems.not_found"
handler500 = "uploads.api.problems.server_error"
