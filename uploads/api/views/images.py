"""Images: list, look at, delete, restore, fetch, know again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.db import transaction
from django.http import HttpResponseBase, HttpResponseRedirect
from django.utils.http import content_disposition_header, parse_etags
from rest_framework.exceptions import NotFound
from rest_framework.response import Response
from rest_framework.serializers import RegexField, Serializer
from rest_framework.views import APIView

from processing.accounts import quota
from processing.accounts.models import User
from processing.files import storage
from processing.jobs import deletion, focal_points
from processing.jobs.handover import hand_over
from processing.jobs.lifecycle import wanted as wanted_of
from processing.models import IMAGE_STATUSES, Image
from processing.news.representations import image_shape
from uploads.access.anonymous import ANONYMOUS
from uploads.api.authentication import account
from uploads.api.conditions import unless_needless
from uploads.api.json_body import JSONBody, JsonLimits
from uploads.api.lists import FewErrors
from uploads.api.pagination import page
from uploads.api.ranges import answer
from uploads.intake.refusals import Refused

if TYPE_CHECKING:
    from rest_framework.request import Request


_LONGEST_NAME = 255
_POINT = 'An object {"x": 0..1, "y": 0..1}, or null.'


class MergePatch(JSONBody):
    media_type = "application/merge-patch+json"


def own_image(request: Request, image_id: UUID, *, deleted: bool = False) -> Image:
    """Raises NotFound for another's, and for a deleted one unless asked for."""
    images = Image.objects.of(account(request).id)
    image = (images if deleted else images.visible()).filter(id=image_id).first()
    if image is None:
        raise NotFound("There is no such image.")
    return image


def status_asked(request: Request) -> str | None:
    """`?status=`; raises Refused for one that no image has."""
    status = request.query_params.get("status") or None
    if status and status not in IMAGE_STATUSES:
        allowed = ", ".join(IMAGE_STATUSES)
        raise Refused(400, "invalid", f"`status` is one of {allowed}.", attr="status")
    return status


def deleted_asked(request: Request) -> bool:
    """`?deleted=1`: what was deleted and can still be restored. Raises Refused for anything but 0 and 1."""
    asked = request.query_params.get("deleted", "0")
    if asked not in {"0", "1"}:
        raise Refused(400, "invalid", "`deleted` is 0 or 1.", attr="deleted")
    return asked == "1"


def words_asked(request: Request) -> str:
    """`?q=`: words of a name. Raises Refused for what no name can hold."""
    text = request.query_params.get("q", "").strip()
    if len(text) > _LONGEST_NAME or "\0" in text:
        detail = f"`q` is the beginnings of words of a name, at most {_LONGEST_NAME} characters without NUL."
        raise Refused(400, "invalid", detail, attr="q")
    return text


class ImageListView(APIView):
    """Own images, newest first; with `?deleted=1` those that can still be restored."""

    def get(self, request: Request) -> Response:
        images = Image.objects.of(account(request).id)
        images = images.deleted() if deleted_asked(request) else images.visible()
        if status := status_asked(request):
            images = images.filter(status=status)
        if words := words_asked(request):
            images = images.named(words)
        found = page(request, images, "id", UUID, newest_first=True)
        links = [
            f'<{url}>; rel="{rel}"' for rel, url in (("next", found.next), ("prev", found.previous)) if url
        ]
        headers = {"Link": ", ".join(links)} if links else None
        plan = account(request).plan
        return Response([image_shape(image, plan) for image in found.rows], headers=headers)


class ImageView(APIView):
    parser_classes = [JSONBody, MergePatch]

    def get(self, request: Request, image_id: UUID) -> HttpResponseBase:
        response = _shown(request, own_image(request, image_id))
        etag = response["ETag"]
        return unless_needless(request._request, etag, response) or response

    def patch(self, request: Request, image_id: UUID) -> Response:
        """Changes what is given, as a JSON merge patch (RFC 7396) has it; crops are made anew."""
        owner = account(request)
        with transaction.atomic():
            quota.hold(owner.id)
            image = own_image(request, image_id)
            _refuse_other_version(request, image)
            if focal_points.move(owner, image, _focal_point(request.data, image)):
                image.refresh_from_db()
        return _shown(request, image)

    def delete(self, request: Request, image_id: UUID) -> Response:
        if not deletion.delete(own_image(request, image_id)):
            raise NotFound("There is no such image.")
        return Response(status=204)


def _shown(request: Request, image: Image) -> Response:
    shape = image_shape(image, account(request).plan)
    digest = hashlib.sha256(json.dumps(shape, sort_keys=True).encode()).hexdigest()[:32]
    return Response(shape, headers={"ETag": f'"{digest}"', "Cache-Control": "private, no-cache"})


def _refuse_other_version(request: Request, image: Image) -> None:
    """If-Match (RFC 9110, section 13.1.1): the image changed since the client looked at it."""
    wanted = parse_etags(request.headers.get("If-Match", "*"))
    if wanted != ["*"] and _shown(request, image)["ETag"] not in wanted:
        detail = "The image has changed meanwhile; look at it again."
        raise Refused(412, "precondition_failed", detail, attr="If-Match")


def _focal_point(data: Any, image: Image) -> tuple[float, float] | None:
    """The focal point after the patch. Raises Refused, with the field that is wrong in `attr`."""
    if not isinstance(data, Mapping):
        raise Refused(400, "invalid", "Send a JSON object with the fields to change.")
    for name in data:
        if name != "focal_point":
            raise Refused(400, "invalid", "Only `focal_point` can be changed.", attr=str(name))
    if "focal_point" not in data:
        return image.focal_point
    wanted = data["focal_point"]
    if wanted is None:
        return None
    if not isinstance(wanted, Mapping) or set(wanted) - {"x", "y"}:
        raise Refused(400, "invalid", _POINT, attr="focal_point")
    now = dict(zip("xy", image.focal_point or (), strict=False)) | dict(wanted)
    return _share(now, "x"), _share(now, "y")


def _share(point: Mapping[str, Any], axis: str) -> float:
    value = point.get(axis)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise Refused(400, "invalid", "A number from 0 to 1.", attr=f"focal_point.{axis}")
    return float(value)


class RestoreView(APIView):
    def post(self, request: Request, image_id: UUID) -> Response:
        image = own_image(request, image_id, deleted=True)
        if image.deleted_at:
            deletion.restore(image)
        return Response(image_shape(own_image(request, image_id), account(request).plan))


class AdoptView(APIView):
    """Gives the administrator what was uploaded without credentials; what is under way is `left`."""

    def post(self, request: Request) -> Response:
        taker = account(request)
        if not taker.is_staff:
            detail = "Only an administrator can take over what was uploaded without credentials."
            raise Refused(403, "not_an_administrator", detail)
        giver = User.objects.filter(username=ANONYMOUS).first()
        moved, left = hand_over(giver.id, taker.id) if giver and giver != taker else (0, 0)
        return Response({"images": moved, "left": left})


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
            response = answer(
                request._request,
                lambda part: storage.open_original_part(image.key, part),
                size=image.size,
                content_type=image.content_type,
                etag=f'"{image.checksum}"',
            )
        except FileNotFoundError:
            raise NotFound("The original of this image is no longer there.") from None
        response["Content-Disposition"] = disposition
        response["Cache-Control"] = "private, no-cache"
        return response


MOST_CHECKSUMS = 10_000


class _Checksums(Serializer[Any]):
    checksums = FewErrors(
        child=RegexField(
            r"^sha256:[0-9a-f]{64}$", error_messages={"invalid": "Write sha256:<64 hex digits>."}
        ),
        max_length=MOST_CHECKSUMS,
    )


class CheckView(APIView):
    """Which contents need not be sent again."""

    json_limits = JsonLimits(size=1024 * 1024, items=MOST_CHECKSUMS + 10)

    def post(self, request: Request) -> Response:
        asked = _Checksums(data=request.data)
        asked.is_valid(raise_exception=True)
        digests = [checksum.removeprefix("sha256:") for checksum in asked.validated_data["checksums"]]
        plan = account(request).plan
        wanted = wanted_of(plan.recipes(), keeps_originals=plan.keeps_original)
        known = Image.objects.twins(account(request).id, digests, wanted=wanted)
        return Response({"known": {f"sha256:{digest}": str(image.id) for digest, image in known.items()}})
