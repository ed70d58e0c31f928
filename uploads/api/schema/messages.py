"""What receivers are sent: the `webhooks` of OpenAPI 3.1, after Standard Webhooks 1.0.0.

Made from the table of events (processing.webhooks.events).
"""

from __future__ import annotations

from typing import Any

from processing.models import IMAGE_STATUSES, Job, Status
from processing.webhooks.deliveries import PAUSES
from processing.webhooks.events import EVENTS, MOST_IMAGES, TEST, EventType
from uploads.api.schema.components import COMPONENTS, COUNT, TEXT, TIME, UUID, Shape, array, record, ref

_JOB_ID = "01939a5c-7c1d-7d0a-b0f4-3f6a1c2e9d10"
_IMAGE_ID = "01939a5c-7c1e-7b52-8c77-0d5e6f7a8b91"
_INSTANT = "2026-11-20T22:39:41.123Z"

_IMAGE_FIELDS: dict[str, tuple[Shape, Any]] = {
    "id": (UUID, _IMAGE_ID),
    "index": (COUNT, 2),
    "name": (TEXT, "c.jpg"),
    "status": ({"enum": [status.value for status in IMAGE_STATUSES]}, "completed"),
    "url": (
        {"type": ["string", "null"], "format": "uri-reference"},
        "/media/q0dX6yW1o1o2cUx8Zk3vNw/web.0a1b2c3d4e5f6071.jpg",
    ),
    "error": (
        {"anyOf": [ref("Error"), {"type": "null"}]},
        {"code": "truncated", "detail": "The file ends early."},
    ),
}
_JOB = {
    "id": _JOB_ID,
    "kind": Job.Kind.BATCH.value,
    "status": Status.PARTIAL.value,
    "total": 3,
    "completed": 2,
    "failed": 1,
    "aborted": 0,
    "created_at": "2026-11-20T22:39:40.020Z",
    "finished_at": _INSTANT,
    "seq": 3,
    "webhook_url": "https://example.com/hook",
    "ahead": None,
    "eta_seconds": None,
}


def _data(event: EventType) -> tuple[Shape, Any]:
    """The schema of a message's data, with an example."""
    if event is TEST:
        return record({"endpoint_id": UUID}), {"endpoint_id": _IMAGE_ID}
    if not event.fields:
        return ref("Job"), _JOB
    image = record({field: _IMAGE_FIELDS[field][0] for field in event.fields})
    images = array(image, minItems=1, maxItems=MOST_IMAGES)
    example = {field: _IMAGE_FIELDS[field][1] for field in event.fields}
    if "error" in example:
        example["status"] = Status.FAILED.value
    return record({"job_id": UUID, "images": images}), {"job_id": _JOB_ID, "images": [example]}


def _header(name: str, pattern: str, description: str) -> Shape:
    shape = {"type": "string", "pattern": pattern}
    return {"name": name, "in": "header", "required": True, "schema": shape, "description": description}


_SIGNATURE = "v1,[A-Za-z0-9+/]{43}="
_HEADERS = [
    _header("webhook-id", "^msg_[0-9a-f]{32}$", "The message's; the same at every try, and when replayed."),
    _header("webhook-timestamp", "^[0-9]+$", "Seconds since 1970 when this try was made; refuse old ones."),
    _header(
        "webhook-signature",
        f"^{_SIGNATURE}( {_SIGNATURE})?$",
        "`v1,` with the base64 HMAC-SHA256 of `<webhook-id>.<webhook-timestamp>.<body>`. The key is what "
        "follows `whsec_` in the secret, decoded from base64: the receiver's secret, or the account's for "
        "a `webhook_url`. For a day after a renewal two of them, by the new and the former secret.",
    ),
]
_ANSWERS = {
    "2XX": {"description": "Taken; not sent again."},
    "410": {"description": "Gone: not sent again, and a registered receiver is disabled."},
    "default": {
        "description": "Anything else, a redirect or silence too: sent again after growing pauses, or after "
        f"a longer `Retry-After` of up to a day; {len(PAUSES) + 1} tries in three and a half days. A "
        "registered receiver that took nothing in that time is disabled. Messages of one job come in order: "
        "the next one waits for the one before."
    },
}


def message_component(event: EventType) -> str:
    """The name of the shape of an event's message."""
    return event.name.title().replace(".", "")


def _told(event: EventType) -> Shape:
    component = message_component(event)
    shape, data = _data(event)
    COMPONENTS[component] = record({"type": {"const": event.name}, "timestamp": TIME, "data": shape})
    example = {"type": event.name, "timestamp": _INSTANT, "data": data}
    content = {"schema": ref(component), "examples": {"example": {"value": example}}}
    return {
        "post": {
            "operationId": "webhook_" + event.name.replace(".", "_"),
            "tags": ["webhooks"],
            "summary": event.summary,
            "description": f"To receivers of this event. {event.description}".strip(),
            "parameters": _HEADERS,
            "requestBody": {"required": True, "content": {"application/json": content}},
            "responses": _ANSWERS,
            # Each message is signed; nobody signs in.
            "security": [],
        }
    }


WEBHOOKS: dict[str, Shape] = {event.name: _told(event) for event in (*EVENTS.values(), TEST)}
