"""What gives files away: archives, and links that expire."""

from __future__ import annotations

from uploads.api.schema.components import COMPONENTS, TIME, UUID, Shape, array, record, ref
from uploads.api.schema.describe import Refusals, describe, operation, query
from uploads.api.schema.routes import FILE, NO_IMAGE, NO_JOB
from uploads.api.views import archives, links

_RENDITIONS: Shape = {"type": "string", "examples": ["web,original"]}
_RENDITIONS_TEXT = "Names, comma-separated; without it all that the plan gives."
_ZIP = (
    "Streamed, stored, with `manifest.json`; each of several renditions has its folder. "
    "A file that can't be read breaks the connection off before `Content-Length` is reached."
)
_NO_RENDITION: Refusals = {
    400: {"unknown_rendition": "There is no rendition `hero`; known are original, web."},
    403: {"plan_forbids": "The plan Basic keeps no originals."},
}
COMPONENTS.update(
    {
        "Link": record({"url": {"type": "string", "format": "uri"}, "expires_at": TIME}),
        "LinkWish": {
            "type": "object",
            "properties": {"expire_time": {"type": "integer", "minimum": 300, "maximum": 30_000}},
            "required": ["expire_time"],
        },
        "ArchiveWish": {
            "type": "object",
            "properties": {
                "images": {**array(UUID), "minItems": 1, "maxItems": archives.MOST_CHOSEN},
                "renditions": {**_RENDITIONS, "description": _RENDITIONS_TEXT},
            },
            "required": ["images"],
        },
    }
)

describe(
    archives.JobArchiveView,
    get=operation(
        "jobs",
        "A job's files as one ZIP",
        {(200, "application/zip"): FILE},
        description=_ZIP,
        parameters=[
            query("renditions", _RENDITIONS, _RENDITIONS_TEXT),
            query("partial", {"enum": [0, 1], "default": 0}, "1: what an unfinished job has so far."),
        ],
        refusals={
            **NO_JOB,
            **_NO_RENDITION,
            409: {"job_unfinished": "The job is not finished; `partial=1` gives what is there."},
        },
    ),
)
describe(
    archives.ArchiveView,
    post=operation(
        "images",
        "Files of chosen images as one ZIP",
        {(200, "application/zip"): FILE},
        description=_ZIP,
        request=ref("ArchiveWish"),
        example={"images": ["01980000-0000-7000-8000-000000000000"], "renditions": "original"},
        forms=("application/x-www-form-urlencoded",),
        refusals={**NO_IMAGE, **_NO_RENDITION},
    ),
)
describe(
    links.LinksView,
    post=operation(
        "images",
        "An expiring link to the original",
        {201: "Link"},
        request=ref("LinkWish"),
        example={"expire_time": 300},
        refusals={**NO_IMAGE, 403: {"plan_forbids": "The plan Basic has no expiring links."}},
    ),
    delete=operation("images", "End all links to an image", {204: None}, refusals=NO_IMAGE),
)
