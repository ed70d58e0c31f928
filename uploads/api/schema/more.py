"""What the views beside the main way take and answer: feed, links, canvas, CSV, archives."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiParameter

from uploads.api.schema.components import (
    COMPONENTS,
    COUNT,
    TEXT,
    TIME,
    UUID,
    Shape,
    array,
    page_of,
    record,
    ref,
)
from uploads.api.schema.describe import Refusals, describe, operation, query
from uploads.api.schema.routes import FILE, IDEMPOTENCY, NO_IMAGE, NO_JOB, RECIPES, WEBHOOK
from uploads.api.views import canvas, feed, jobs, likeness, links
from uploads.api.views import csv as imgproc

_ADDRESS: Shape = {"type": "string", "format": "uri"}
_MAYBE_TIME: Shape = {**TIME, "type": ["string", "null"]}
# A white PNG.
_FOUR_BY_FOUR = (
    "iVBORw0KGgoAAAANSUhEUgAAAAQAAAAECAIAAAAmkwkpAAAAFElEQVR4nGP8//8/AwwwMSAB3BwAlm4DBfIlvvkAAAAASUVORK5CYII="
)
_HEX = "^#?[0-9A-Fa-f]{6}$"
_SIDE: Shape = {"type": "integer", "minimum": 1, "maximum": 4096}

COMPONENTS.update(
    {
        "Feed": record({"images": array(ref("Image")), "next": {"type": ["string", "null"]}}),
        "SimilarImage": record({**COMPONENTS["Image"]["properties"], "distance": {"type": "integer"}}),
        "DuplicatesGroup": record({"images": array(ref("Image"))}),
        "DuplicatesPage": page_of("DuplicatesGroup"),
        "Similar": record({"results": array(ref("SimilarImage"))}),
        "Link": record({"url": _ADDRESS, "expires_at": TIME}),
        "LinkWish": {
            "type": "object",
            "properties": {"expire_time": {"type": "integer", "minimum": 300, "maximum": 30_000}},
            "required": ["expire_time"],
        },
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
        "CsvStarted": record({"request_id": UUID, "message": TEXT}),
        "CsvChecked": record(
            {"message": TEXT, "rows": COUNT, "urls": COUNT, "warnings": array({"type": ["object", "string"]})}
        ),
        "CsvStatus": record(
            {
                "status": {"enum": ["pending", "processing", "completed", "partial", "failed"]},
                "total": COUNT,
                "completed": COUNT,
                "failed": COUNT,
            }
        ),
    }
)

_BLOCKED: Refusals = {
    400: {
        "invalid": "url: this field is no text.",
        "invalid_address": "This is not a web address: it names no host.",
        "blocked_address": "Not public.",
    }
}
_NO_REQUEST: Refusals = {404: {"not_found": "There is no such request."}}


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
describe(
    imgproc.CsvUploadView,
    post=operation(
        "csv",
        "A CSV of image addresses",
        {200: "CsvChecked", 202: "CsvStarted"},
        description="Header `S. No.,Product Name,Input Image Urls`; 200 with `dry_run`.",
        multipart={
            "type": "object",
            "properties": {"file": FILE, "webhook_url": WEBHOOK, "recipes": RECIPES},
            "required": ["file"],
        },
        example={"file": "products.csv"},
        parameters=[IDEMPOTENCY, query("dry_run", {"type": "boolean", "default": False}, "Only check it.")],
        refusals={
            400: {
                "no_file": "Send one CSV in the multipart field `file`.",
                "malformed_multipart": "No multipart.",
                "bad_header": "Line 1: the header is another one; found: `a`; expected are the columns ...",
                "unsupported_format": "Line 1: this is an Excel workbook (.xlsx), not CSV; save it as CSV.",
                "not_utf8": "Line 3: the text is neither UTF-8 nor Windows-1252.",
                "malformed_csv": "Line 3: a quote is opened in it and not closed.",
                "wrong_cells": "Line 3: it has 4 cells that do not fit the header.",
                "no_url": "Line 3: it names no image address.",
                "too_many_urls": "Line 9: the plan Basic allows 100 addresses in a file.",
            },
            408: {"request_timeout": "The request took longer than 600 s to arrive."},
            409: {"idempotency_key_in_use": "The first request with this Idempotency-Key is under way."},
            411: {"length_required": "Send the body with a Content-Length."},
            413: {
                "file_too_large": "The file has more bytes than a CSV may have.",
                "quota_exceeded": "Full.",
            },
            422: {"idempotency_key_reused": "This Idempotency-Key came before with another payload."},
        },
    ),
)
describe(
    imgproc.CsvStatusView, get=operation("csv", "How a CSV goes", {200: "CsvStatus"}, refusals=_NO_REQUEST)
)
describe(
    imgproc.CsvResultView,
    get=operation(
        "csv",
        "The CSV with its results",
        {(200, "text/csv"): TEXT},
        refusals={**_NO_REQUEST, 409: {"job_not_finished": "3 of 10 images are done; ask again."}},
    ),
)
describe(
    jobs.ArchiveView,
    get=operation(
        "jobs",
        "A job's files as one ZIP",
        {(200, "application/zip"): FILE},
        description="Streamed, stored, with `manifest.json`; each of several renditions has its folder. "
        "A file that can't be read breaks the connection off before `Content-Length` is reached.",
        parameters=[
            query(
                "renditions",
                {"type": "string", "examples": ["web,original"]},
                "Names, comma-separated; without it all that the plan gives.",
            ),
            query("partial", {"enum": [0, 1], "default": 0}, "1: what an unfinished job has so far."),
        ],
        refusals={
            **NO_JOB,
            400: {"unknown_rendition": "There is no rendition `hero`; known are original, web."},
            403: {"plan_forbids": "The plan Basic keeps no originals."},
            409: {"job_unfinished": "The job is not finished; `partial=1` gives what is there."},
        },
    ),
)
