"""What receivers are sent: the `webhooks` of OpenAPI 3.1, after Standard Webhooks 1.0.0."""

from __future__ import annotations

from typing import Any

from processing.models import Status, WebhookEvent
from processing.webhooks.deliveries import PAUSES
from uploads.api.schema.components import COMPONENTS, COUNT, TEXT, TIME, UUID, Shape, record, ref

_JOB_ID = "01939a5c-7c1d-7d0a-b0f4-3f6a1c2e9d10"
_INSTANT = "2026-11-20T22:39:41.123Z"

_FAILED_IMAGE = record(
    {
        "id": UUID,
        "job_id": UUID,
        "index": COUNT,
        "name": TEXT,
        "status": {"const": Status.FAILED.value},
        "error": ref("Error"),
    }
)


def _message(event: WebhookEvent, data: Shape) -> Shape:
    return record({"type": {"const": event.value}, "timestamp": TIME, "data": data})


COMPONENTS.update(
    {
        "JobFinished": _message(WebhookEvent.JOB_FINISHED, ref("Job")),
        "ImageFailed": _message(WebhookEvent.IMAGE_FAILED, _FAILED_IMAGE),
    }
)


def _header(name: str, pattern: str, description: str) -> Shape:
    shape = {"type": "string", "pattern": pattern}
    return {"name": name, "in": "header", "required": True, "schema": shape, "description": description}


_HEADERS = [
    _header("webhook-id", "^msg_[0-9a-f]{32}$", "The message's; the same at every try, and when replayed."),
    _header("webhook-timestamp", "^[0-9]+$", "Seconds since 1970 when this try was made; refuse old ones."),
    _header(
        "webhook-signature",
        "^v1,[A-Za-z0-9+/]{43}=$",
        "`v1,` with the base64 HMAC-SHA256 of `<webhook-id>.<webhook-timestamp>.<body>`. The key is what "
        "follows `whsec_` in the secret, decoded from base64: the receiver's secret, or the account's for "
        "a `webhook_url`.",
    ),
]
_ANSWERS = {
    "2XX": {"description": "Taken; not sent again."},
    "410": {"description": "Gone: not sent again, and a registered receiver is disabled."},
    "default": {
        "description": "Anything else, a redirect or silence too: sent again after growing pauses, or after "
        f"a longer `Retry-After` of up to a day; {len(PAUSES) + 1} tries in three and a half days. A "
        "registered receiver that took nothing in that time is disabled."
    },
}


def _told(event: WebhookEvent, summary: str, description: str, shape: str, data: dict[str, Any]) -> Shape:
    example = {"type": event.value, "timestamp": _INSTANT, "data": data}
    content = {"schema": ref(shape), "examples": {"example": {"value": example}}}
    return {
        "post": {
            "operationId": "webhook_" + event.value.replace(".", "_"),
            "tags": ["webhooks"],
            "summary": summary,
            "description": description,
            "parameters": _HEADERS,
            "requestBody": {"required": True, "content": {"application/json": content}},
            "responses": _ANSWERS,
        }
    }


WEBHOOKS: dict[str, Shape] = {
    WebhookEvent.JOB_FINISHED.value: _told(
        WebhookEvent.JOB_FINISHED,
        "Every image of a job has its final state",
        "To receivers of this event, also to the job's `webhook_url`; anew after a retry.",
        "JobFinished",
        {
            "id": _JOB_ID,
            "kind": "batch",
            "status": "partial",
            "total": 3,
            "completed": 2,
            "failed": 1,
            "aborted": 0,
            "created_at": "2026-11-20T22:39:40.020Z",
            "finished_at": _INSTANT,
            "seq": 3,
            "webhook_url": "https://example.com/hook",
        },
    ),
    WebhookEvent.IMAGE_FAILED.value: _told(
        WebhookEvent.IMAGE_FAILED,
        "An image could not be processed",
        "To receivers of this event, one message an image.",
        "ImageFailed",
        {
            "id": "01939a5c-7c1e-7b52-8c77-0d5e6f7a8b91",
            "job_id": _JOB_ID,
            "index": 2,
            "name": "c.jpg",
            "status": "failed",
            "error": {"code": "truncated", "detail": "The file ends early."},
        },
    ),
}
