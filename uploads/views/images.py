"""Images: list, look at, delete, restore, fetch, know again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.db.models import QuerySet
from django.http import HttpResponseBase, HttpResponseRedirect
from django.utils.http import content_disposition_header
from rest_framework.exceptions import NotFound
from rest_framework.response import Response
from rest_framework.serializers import ListField, RegexField, Serializer
from rest_framework.views import APIView

from processing import storage, trash
from processing.models import IMAGE_STATUSES, Image
from processing.shapes import image_shape
from uploads.access import account
from uploads.pages import page
from uploads.problems import Refused
from uploads.streams import stream

if TYPE_CHECKING:
    from rest_framework.request import Request


def own_image(request: Request, image_id: UUID, *, deleted: bool = False) -> Image:
    """Raises NotFound for another's, and for a deleted one unless asked for."""
    images = Image.objects.of(account(request).id)
    image = (images if deleted else images.visible()).filter(id=image_id).first()
    if image is None:
        raise NotFound("There is no such image.")
    return image


def with_status(request: Request, images: QuerySet[Image]) -> QuerySet[Image]:
    status = request.query_params.get("status")
    if not status:
        return images
    if status not in IMAGE_STATUSES:
        allowed = ", ".join(IMAGE_STATUSES)
        raise Refused(400, "invalid", f"`status` is one of {allowed}.", attr="status")
    return images.filter(status=status)


class ImageListView(APIView):
    """Own images, newest first."""

    def get(self, request: Request) -> Response:
        images = with_status(request, Image.objects.of(account(request).id).visible())
        found = page(request, images, "id", UUID, newest_first=True)
        links = [
            f'<{url}>; rel="{rel}"' for rel, url in (("next", found.next), ("prev", found.previous)) if url
        ]
        headers = {"Link": ", ".join(links)} if links else None
        return Response([image_shape(image) for image in found.rows], headers=headers)


class ImageView(APIView):
    def get(self, request: Request, image_id: UUID) -> Response:
        return Response(image_shape(own_image(request, image_id)))

    def delete(self, request: Request, image_id: UUID) -> Response:
        if not trash.delete(own_image(request, image_id)):
            raise NotFound("There is no such image.")
        return Response(status=204)


class RestoreView(APIView):
    def post(self, request: Request, image_id: UUID) -> Response:
        image = own_image(request, image_id, deleted=True)
        if image.deleted_at:
            trash.restore(image)
        return Response(image_shape(own_image(request, image_id)))


class OriginalView(APIView):
    """The bytes as uploaded, as a download: they are never shown inline from this host."""

    def get(self, request: Request, image_id: UUID) -> HttpResponseBase:
        image = own_image(request, image_id)
        if not account(request).plan.keeps_original:
            detail = f"The plan {account(request).plan.name} keeps no originals."
            raise Refused(403, "plan_forbids", detail, plan=account(request).plan.name)
        disposition = content_disposition_header(True, image.name) or "attachment"
        if link := storage.original_link(image.key, disposition, image.content_type):
            return HttpResponseRedirect(link, headers={"Cache-Control": "no-store"})
        try:
            file = storage.open_original(image.key)
        except FileNotFoundError:
            raise NotFound("The original of this image is no longer there.") from None
        response = stream(file, image.size, image.content_type)
        response["Content-Disposition"] = disposition
        response["Cache-Control"] = "private, no-cache"
        return response


class _Checksums(Serializer[Any]):
    checksums = ListField(
        child=RegexField(
            r"^sha256:[0-9a-f]{64}$", error_messages={"invalid": "Write sha256:<64 hex digits>."}
        ),
        max_length=10_000,
    )


class CheckView(APIView):
    """Which contents need not be sent again."""

    def post(self, request: Request) -> Response:
        asked = _Checksums(data=request.data)
        asked.is_valid(raise_exception=True)
        digests = [checksum.removeprefix("sha256:") for checksum in asked.validated_data["checksums"]]
        known = Image.objects.twins(account(request).id, digests)
        return Response({"known": {f"sha256:{digest}": str(image.id) for digest, image in known.items()}})
