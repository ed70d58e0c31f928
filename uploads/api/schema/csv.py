"""What a CSV of addresses takes and answers."""

from __future__ import annotations

from uploads.api.schema.components import COMPONENTS, COUNT, TEXT, UUID, array, record
from uploads.api.schema.describe import Refusals, describe, operation, query
from uploads.api.schema.routes import FILE, IDEMPOTENCY, RECIPES, WEBHOOK
from uploads.api.views import csv as imgproc

COMPONENTS.update(
    {
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

_NO_REQUEST: Refusals = {404: {"not_found": "There is no such request."}}

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
