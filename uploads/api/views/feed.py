"""The feed by hue, for those who ask instead of listening."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from rest_framework.response import Response
from rest_framework.views import APIView

from processing.news import feed
from processing.news.representations import image_shape
from uploads.api.authentication import account
from uploads.api.pagination import number
from uploads.intake.refusals import Refused

if TYPE_CHECKING:
    from rest_framework.request import Request

_DEFAULT_LIMIT = 20


class FeedView(APIView):
    """Own completed images, newest first: `?hue=` 0..359, `?tolerance=` 0..180, `?limit=` 1..100.

    `next` is the `cursor` of the following page, null on the last.
    """

    def get(self, request: Request) -> Response:
        hue = number(request, "hue", -1, low=0, high=feed.HUES - 1)
        tolerance = number(request, "tolerance", feed.DEFAULT_TOLERANCE, low=0, high=feed.MOST_TOLERANCE)
        limit = number(request, "limit", _DEFAULT_LIMIT, low=1, high=100)
        near = feed.Near(None if hue < 0 else hue, tolerance)
        images = feed.newest(account(request).id, near, limit + 1, before=_before(request))
        shown = images[:limit]
        return Response(
            {
                "images": [image_shape(image, account(request).plan) for image in shown],
                "next": str(shown[-1].id) if len(images) > limit else None,
            }
        )


def _before(request: Request) -> UUID:
    """The cursor: the id of the last image already seen."""
    text = request.query_params.get("cursor")
    if not text:
        return feed.NEWEST
    try:
        return UUID(text)
    except ValueError as error:
        raise Refused(
            400, "bad_cursor", "This cursor is none of ours; pass on `next` as it came.", attr="cursor"
        ) from error
