"""What an upload's answer says of the images that were taken in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rest_framework.response import Response

from processing.news.representations import image_shape

if TYPE_CHECKING:
    from processing.models import Image, Job


def accepted(image: Image) -> dict[str, Any]:
    shape = image_shape(image)
    names = ("index", "id", "name", "size", "checksum", "content_type", "width", "height", "duplicate_of")
    return {name: shape[name] for name in names}  # type: ignore[literal-required]


def initiated(job: Job, body: dict[str, Any]) -> Response:
    headers = {"Location": f"/api/jobs/{job.id}", "Retry-After": "1"}
    return Response(body, status=202, headers=headers)
