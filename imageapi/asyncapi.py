"""`GET /api/asyncapi.yaml`: the description of sockets, Server-Sent Events and webhooks."""

from __future__ import annotations

from django.conf import settings
from django.http import FileResponse, HttpRequest

from uploads.api.methods import SAFE, only

FILE = settings.BASE_DIR / "docs" / "asyncapi.yaml"


@only(*SAFE)
def asyncapi(_request: HttpRequest) -> FileResponse:
    return FileResponse(FILE.open("rb"), content_type="application/yaml")
