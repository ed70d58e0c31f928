"""What the feed, likeness and duplicates take and answer."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiParameter

from uploads.api.schema.components import COMPONENTS, array, page_of, record, ref
from uploads.api.schema.describe import describe, operation, query
from uploads.api.schema.routes import NO_IMAGE
from uploads.api.views import feed, likeness

_HEX = "^#?[0-9A-Fa-f]{6}$"

COMPONENTS.update(
    {
        "Feed": record({"images": array(ref("Image")), "next": {"type": ["string", "null"]}}),
        "SimilarImage": record({**COMPONENTS["Image"]["properties"], "distance": {"type": "integer"}}),
        "Similar": record({"results": array(ref("SimilarImage"))}),
        "DuplicatesGroup": record({"images": array(ref("Image"))}),
        "DuplicatesPage": page_of("DuplicatesGroup"),
    }
)


def _number(name: str, low: int, high: int, description: str, **more: Any) -> OpenApiParameter:
    return query(name, {"type": "integer", "minimum": low, "maximum": high, **more}, description)


describe(
    feed.FeedView,
    get=operation(
        "feed",
        "Completed images by hue and colours, newest first",
        {200: "Feed"},
        parameters=[
            _number("hue", 0, 359, "Degrees; left out: all images."),
            _number("tolerance", 0, 180, "Degrees to either side, round the circle.", default=10),
            query(
                "color",
                {"type": "array", "items": {"type": "string", "pattern": _HEX}, "maxItems": 5},
                "`RRGGBB`, once for each colour that an image has to have; with a hue as well, both hold.",
            ),
            query(
                "distance",
                {"type": "number", "minimum": 0, "maximum": 0.5, "default": 0.1},
                "How near a dominant colour is to each `color`, in OKLab.",
            ),
            _number("limit", 1, 100, "Images of a page.", default=20),
            query("cursor", {"type": "string"}, "`next` of the page before."),
        ],
        refusals={
            400: {"invalid": "`hue` is a whole number from 0 to 359, not `360`.", "bad_cursor": "Not ours."}
        },
    ),
)
describe(
    likeness.SimilarView,
    get=operation(
        "images",
        "Images that look like this one, nearest first",
        {200: "Similar"},
        parameters=[
            _number("distance", 0, 16, "How many of the 64 bits of their hashes may differ.", default=10)
        ],
        refusals={**NO_IMAGE, 400: {"invalid": "`distance` is a whole number from 0 to 16, not `17`."}},
    ),
)
describe(
    likeness.DuplicatesView,
    get=operation(
        "images",
        "Groups of images that look alike",
        {200: "DuplicatesPage"},
        description="Those with the newest image first; in each the largest picture first. A page may have"
        " fewer groups than `limit`, even none, and still a `next`.",
        parameters=[
            _number("distance", 0, 16, "How many of the 64 bits of their hashes may differ.", default=10),
            _number("limit", 1, 100, "Groups of a page.", default=20),
            query("cursor", {"type": "string"}, "From a `next` link."),
        ],
        refusals={
            400: {
                "invalid": "`distance` is a whole number from 0 to 16, not `17`.",
                "bad_cursor": "Not ours.",
            }
        },
    ),
)
