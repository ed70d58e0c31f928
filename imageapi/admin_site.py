"""The administration's front page: an overview of the service above the list of models.

Outside of `imageapi.admin`, whose pages register themselves with it when they are imported.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib.admin import AdminSite

from imageapi.observability.overview import overview

if TYPE_CHECKING:
    from django.http import HttpRequest
    from django.template.response import TemplateResponse


class ServiceAdmin(AdminSite):
    site_header = site_title = "imageapi"
    index_title = "Administration"
    index_template = "imageapi/admin_index.html"

    def index(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> TemplateResponse:
        return super().index(request, {**(extra_context or {}), "overview": overview()})
