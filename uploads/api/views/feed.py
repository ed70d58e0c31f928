"""The feed by hue and colours, for those who ask instead of listening."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from uuid import UUID

from rest_framework.response import Response
from rest_framework.views import APIView

from processing.news import colors, feed
from processing.news.representations import image_shape
from uploads.api.authentication import account
from uploads.api.pagination import number
from uploads.intake.refusals import Refused

if TYPE_CHECKING:
    from rest_framework.request import Request

_DEFAULT_LIMIT = 20
_NUMBER = re.compile(r"[0-9]{1,4}|[0-9]{0,4}\.[0-9]{1,20}")


class FeedView(APIView):
    """Own completed images, newest first: `?hue=` 0..359, `?tolerance=` 0..180, `?limit=` 1..100.

    `?color=RRGGBB`, up to five times, and `?distance=` 0..0.5 (OKLab): those that have a dominant colour that
    near for each of them. With a hue as well, both hold.

    `next` is the `cursor` of the following page, null on the last.
    """

    def get(self, request: Request) -> Response:
        hue = number(request, "hue", -1, low=0, high=feed.HUES - 1)
        tolerance = number(request, "tolerance", feed.DEFAULT_TOLERANCE, low=0, high=feed.MOST_TOLERANCE)
        limit = number(request, "limit", _DEFAULT_LIMIT, low=1, high=100)
        near = feed.Near(None if hue < 0 else hue, tolerance, _colors(request), _distance(request))
        images = feed.newest(account(request).id, near, limit + 1, before=_before(request))
        shown = images[:limit]
        return Response(
            {
                "images": [image_shape(image, account(request).plan) for image in shown],
                "next": str(shown[-1].id) if len(images) > limit else None,
            }
        )


def _colors(request: Request) -> tuple[str, ...]:
    texts = request.query_params.getlist("color")
    if len(texts) > colors.MOST_COLORS:
        detail = f"`color` is given at most {colors.MOST_COLORS} times, not {len(texts)}."
        raise Refused(400, "invalid", detail, attr="color")
    found = tuple(map(colors.parse, texts))
    for text, color in zip(texts, found, strict=True):
        if color is None:
            detail = f"`color` is six hexadecimal digits such as ff8800, not `{text[:40]}`."
            raise Refused(400, "invalid", detail, attr="color")
    return tuple(filter(None, found))


def _distance(request: Request) -> float:
    text = request.query_params.get("distance")
    if not text:
        return colors.DEFAULT_DISTANCE
    if not _NUMBER.fullmatch(text) or float(text) > colors.MOST_DISTANCE:
        detail = f"`distance` is a number from 0 to {colors.MOST_DISTANCE}, not `{text[:40]}`."
        raise Refused(400, "invalid", detail, attr="distance")
    return float(text)


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
