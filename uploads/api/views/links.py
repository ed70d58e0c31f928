"""Expiring links: the original's bytes for whoever holds one, until it expires."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from django.core import signing
from django.http import HttpResponseBase
from django.urls import reverse
from rest_framework.exceptions import NotFound
from rest_framework.response import Response
from rest_framework.serializers import IntegerField, Serializer
from rest_framework.views import APIView

from processing.files import link_permits, storage
from processing.imaging import FORMATS
from processing.news.representations import instant
from uploads.api.authentication import account
from uploads.api.methods import SAFE, only
from uploads.api.problems import problem_response
from uploads.api.ranges import answer
from uploads.api.views.images import own_image
from uploads.intake.refusals import Refused

if TYPE_CHECKING:
    from uuid import UUID

    from django.http import HttpRequest
    from rest_framework.request import Request

_SALT = "uploads.links"
SHORTEST, LONGEST = 300, 30_000
_EXTENSIONS = {known.content_type: known.extension for known in FORMATS}


class _Wish(Serializer[Any]):
    expire_time = IntegerField(min_value=SHORTEST, max_value=LONGEST)


class LinksView(APIView):
    """Links to one image: POST makes one, DELETE ends all there are."""

    makes_secrets = True

    def post(self, request: Request, image_id: UUID) -> Response:
        image = own_image(request, image_id)
        plan = account(request).plan
        if not plan.allows_links:
            detail = f"The plan {plan.name} has no expiring links."
            raise Refused(403, "plan_forbids", detail, plan=plan.name)
        wish = _Wish(data=request.data)
        wish.is_valid(raise_exception=True)
        link_key = link_permits.permit(image)
        if link_key is None:
            raise NotFound("The original of this image is no longer there.")
        expires = int(time.time()) + wish.validated_data["expire_time"]
        url = request.build_absolute_uri(reverse("link", args=[token_for(link_key, expires)]))
        expires_at = instant(datetime.fromtimestamp(expires, tz=UTC))
        return Response({"url": url, "expires_at": expires_at}, status=201)

    def delete(self, request: Request, image_id: UUID) -> Response:
        link_permits.revoke([own_image(request, image_id).id])
        return Response(status=204)


def token_for(link_key: str, expires: int) -> str:
    """`expires` is in Unix seconds."""
    return signing.dumps([link_key, expires], salt=_SALT)


@only(*SAFE)
def original(request: HttpRequest, token: str) -> HttpResponseBase:
    """Asks no database: the signature vouches for the token, the permit for the image."""
    try:
        link_key, expires = signing.loads(token, salt=_SALT)
        if expires <= time.time():
            return problem_response(Refused(410, "link_expired", "This link has expired."))
        permit = link_permits.read(link_key)
        response = answer(
            request,
            lambda part: storage.open_original_part(permit.key, part),
            size=permit.size,
            content_type=permit.content_type,
            etag=f'"{permit.checksum}"',
        )
    except (signing.BadSignature, FileNotFoundError):
        return problem_response(Refused(404, "not_found", "There is no such link."))
    # The name the file was uploaded under is its owner's.
    extension = _EXTENSIONS.get(permit.content_type, "")
    response["Content-Disposition"] = f'attachment; filename="image{extension}"'
    # Kept copies are asked about again: a revoked link gives nothing, also to who had it before.
    response["Cache-Control"] = "private, no-cache"
    return response
