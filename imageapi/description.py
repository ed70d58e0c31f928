"""The OpenAPI document, as JSON or as YAML (RFC 9512)."""

from __future__ import annotations

from typing import Any

from drf_spectacular.renderers import (
    OpenApiJsonRenderer,
    OpenApiJsonRenderer2,
    OpenApiYamlRenderer,
    OpenApiYamlRenderer2,
)
from drf_spectacular.views import SpectacularAPIView

_BY_NAME = {"json": OpenApiJsonRenderer2, "yaml": OpenApiYamlRenderer2}


class Description(SpectacularAPIView):
    """By `Accept`, or by `?format=json` and `?format=yaml`, which then decides alone."""

    renderer_classes = [OpenApiJsonRenderer2, OpenApiYamlRenderer2, OpenApiYamlRenderer, OpenApiJsonRenderer]

    def perform_content_negotiation(self, request: Any, force: bool = False) -> Any:
        named = _BY_NAME.get(request.query_params.get("format", ""))
        if named is None:
            return super().perform_content_negotiation(request, force)
        renderer = named()
        return renderer, renderer.media_type
