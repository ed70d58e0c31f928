"""Images that look alike."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from rest_framework.response import Response
from rest_framework.views import APIView

from processing.news import feed, likeness
from processing.news.representations import image_shape
from uploads.api.authentication import account
from uploads.api.pagination import decode, encode, link, number
from uploads.api.views.images import own_image

if TYPE_CHECKING:
    from rest_framework.request import Request

_GROUPS = 20


def distance_asked(request: Request) -> int:
    """`?distance=`: bits, 0 to 16."""
    return number(request, "distance", likeness.DEFAULT_DISTANCE, low=0, high=likeness.MOST_DISTANCE)


class SimilarView(APIView):
    """Own images that look like this one, nearest first, each with its `distance` in bits; at most 100."""

    def get(self, request: Request, image_id: UUID) -> Response:
        distance = distance_asked(request)
        image, plan = own_image(request, image_id), account(request).plan
        if image.phash is None:
            return Response({"results": []})
        found = likeness.similar(image.owner_id, image.phash, distance, but=[image.id])
        return Response({"results": [{**image_shape(each, plan), "distance": bits} for each, bits in found]})


class DuplicatesView(APIView):
    """Groups of own images that look alike, those with the newest first; in each the largest picture first.

    `next` leads on also where a page has fewer groups than `?limit=` (1 to 100).
    """

    def get(self, request: Request) -> Response:
        owner, distance = account(request), distance_asked(request)
        limit = number(request, "limit", _GROUPS, low=1, high=100)
        text = request.query_params.get("cursor")
        before = decode(text, UUID)[0] if text else feed.NEWEST
        found = likeness.groups(owner.id, distance, limit, before=before)
        results = [{"images": [image_shape(image, owner.plan) for image in group]} for group in found.groups]
        onward = link(request, encode(found.before)) if found.before else None
        return Response({"next": onward, "previous": None, "results": results})
