"""What the canvas takes and answers."""

from __future__ import annotations

from uploads.api.schema.components import COMPONENTS, COUNT, Shape, record, ref
from uploads.api.schema.describe import describe, operation
from uploads.api.schema.routes import IDEMPOTENCY, WEBHOOK
from uploads.api.views import canvas

# A white PNG.
_FOUR_BY_FOUR = (
    "iVBORw0KGgoAAAANSUhEUgAAAAQAAAAECAIAAAAmkwkpAAAAFElEQVR4nGP8//8/AwwwMSAB3BwAlm4DBfIlvvkAAAAASUVORK5CYII="
)
_SIDE: Shape = {"type": "integer", "minimum": 1, "maximum": 4096}

COMPONENTS.update(
    {
        "CanvasWish": {
            "type": "object",
            "properties": {
                "width": _SIDE,
                "height": _SIDE,
                "granular": {"type": "integer", "minimum": 1, "maximum": 100},
                "seed": {**COUNT, "description": "The same one gives the same canvas again."},
                "webhook_url": WEBHOOK,
            },
            "required": ["width", "height", "granular"],
        },
        "PixelWish": {
            "type": "object",
            "properties": {"file": {"type": "string", "contentEncoding": "base64"}},
            "required": ["file"],
        },
        "Pixel": record(
            {
                "file": {"type": "string", "contentEncoding": "base64", "contentMediaType": "image/png"},
                "progression": {"type": "number", "minimum": 0, "maximum": 100},
            }
        ),
    }
)

describe(
    canvas.CanvasView,
    post=operation(
        "canvas",
        "A canvas filled pixel by pixel",
        {202: "Job"},
        request=ref("CanvasWish"),
        example={"width": 64, "height": 64, "granular": 25},
        parameters=[IDEMPOTENCY],
        refusals={
            409: {"idempotency_key_in_use": "The first request with this Idempotency-Key is under way."},
            413: {"quota_exceeded": "This canvas takes about 90,000,000 bytes; the plan stores less."},
            422: {"idempotency_key_reused": "This Idempotency-Key came before with another payload."},
        },
    ),
)
describe(
    canvas.PingPongView,
    post=operation(
        "canvas",
        "One more pixel coloured",
        {200: "Pixel"},
        request=ref("PixelWish"),
        example={"file": _FOUR_BY_FOUR},
        forms=("application/x-www-form-urlencoded", "multipart/form-data"),
        refusals={
            400: {"required": "Send the PNG as base64 in the field `file`."},
            413: {"canvas_too_large": "A canvas has at most 4096 x 4096 pixels."},
            422: {"undecodable": "The file can't be read as an image."},
        },
    ),
)
