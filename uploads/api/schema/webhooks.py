"""What the views of webhooks take and answer."""

from __future__ import annotations

from processing.models import Delivery
from processing.webhooks.events import EVENTS, TEST
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
from uploads.api.schema.routes import PAGING
from uploads.api.views import webhooks

_ADDRESS: Shape = {"type": "string", "format": "uri"}
_MAYBE_TIME: Shape = {**TIME, "type": ["string", "null"]}
_MAYBE_ID: Shape = {**UUID, "type": ["string", "null"]}
_HEADERS: Shape = {"type": ["object", "null"], "additionalProperties": TEXT}
_EVENTS: Shape = array({"enum": list(EVENTS)})
_EVENT: Shape = {"enum": [*EVENTS, TEST.name]}
_STATUS: Shape = {"enum": list(Delivery.Status.values)}
_ENDPOINT: dict[str, Shape] = {
    "id": UUID,
    "url": _ADDRESS,
    "events": _EVENTS,
    "created_at": TIME,
    "disabled_at": _MAYBE_TIME,
    "disabled_reason": {"type": ["string", "null"]},
}
_CHOICE: dict[str, Shape] = {"job": UUID, "endpoint": UUID, "status": _STATUS, "event": _EVENT}

COMPONENTS.update(
    {
        "Webhook": record(_ENDPOINT),
        "WebhookMade": record({**_ENDPOINT, "secret": {**TEXT, "description": "Shown this once."}}),
        "WebhookWish": {
            "type": "object",
            "properties": {"url": _ADDRESS, "events": _EVENTS},
            "required": ["url"],
        },
        "WebhookPage": page_of("Webhook"),
        "Secret": record({"secret": TEXT}),
        "Delivery": record(
            {
                "id": UUID,
                "webhook_id": {**TEXT, "description": "The header `webhook-id`, the same at every try."},
                "endpoint_id": _MAYBE_ID,
                "job_id": _MAYBE_ID,
                "event": _EVENT,
                "url": _ADDRESS,
                "status": _STATUS,
                "attempts": COUNT,
                "last_status": {"type": ["integer", "null"]},
                "last_error": {"type": ["string", "null"]},
                "request": {**_HEADERS, "description": "The headers of the last try."},
                "answer": {**_HEADERS, "description": "Those of what it was answered."},
                "next_attempt_at": _MAYBE_TIME,
                "created_at": TIME,
                "finished_at": _MAYBE_TIME,
            }
        ),
        "DeliveryPage": page_of("Delivery"),
        "ReplayWish": {
            "type": "object",
            "properties": {**_CHOICE, "ids": array(UUID, maxItems=1000)},
        },
        "Replayed": record({"replayed": COUNT}),
    }
)

_BLOCKED: Refusals = {
    400: {
        "invalid": "url: this field is no text.",
        "invalid_address": "This is not a web address: it names no host.",
        "blocked_address": "Not public.",
    }
}
_NO_WEBHOOK: Refusals = {404: {"not_found": "There is no such webhook."}}
_BAD_CHOICE: Refusals = {400: {"invalid_choice": 'status: "sent" is not a valid choice.'}}

describe(
    webhooks.WebhookListView,
    get=operation("webhooks", "Own receivers", {200: "WebhookPage"}, parameters=PAGING),
    post=operation(
        "webhooks",
        "Register a receiver",
        {201: "WebhookMade"},
        description="Messages are signed as Standard Webhooks says, with the secret shown here once.",
        request=ref("WebhookWish"),
        example={"url": "https://example.com/hook", "events": ["job.finished", "image.completed"]},
        refusals={**_BLOCKED, 409: {"too_many_webhooks": "An account has at most 20 webhooks."}},
    ),
)
describe(
    webhooks.WebhookView,
    get=operation("webhooks", "One receiver", {200: "Webhook"}, refusals=_NO_WEBHOOK),
    delete=operation("webhooks", "Forget a receiver", {204: None}, refusals=_NO_WEBHOOK),
)
describe(
    webhooks.WebhookTestView,
    post=operation(
        "webhooks",
        "Send a test message",
        {202: "Delivery"},
        description="Also to a receiver that was disabled: if it takes the message, it is told again.",
        refusals=_NO_WEBHOOK,
    ),
)
describe(
    webhooks.WebhookSecretView,
    post=operation(
        "webhooks",
        "A new secret for one receiver",
        {201: "Secret"},
        description="For 24 hours messages carry the signatures of both secrets.",
        refusals=_NO_WEBHOOK,
    ),
)
describe(
    webhooks.SecretView,
    post=operation(
        "webhooks",
        "A new secret for `webhook_url`",
        {201: "Secret"},
        description="For 24 hours messages carry the signatures of both secrets.",
    ),
)
describe(
    webhooks.DeliveryListView,
    get=operation(
        "webhooks",
        "What was sent or is still to be",
        {200: "DeliveryPage"},
        parameters=[*PAGING, *(query(name, shape, "Only of this one.") for name, shape in _CHOICE.items())],
        refusals=_BAD_CHOICE,
    ),
)
describe(
    webhooks.ReplayManyView,
    post=operation(
        "webhooks",
        "Send messages again",
        {202: "Replayed"},
        description="The oldest thousand of those chosen, but those that are still on their way.",
        request=ref("ReplayWish"),
        example={"status": "failed"},
        refusals=_BAD_CHOICE,
    ),
)
describe(
    webhooks.ReplayView,
    post=operation(
        "webhooks",
        "Send a message again",
        {202: "Delivery"},
        refusals={
            404: {"not_found": "There is no such delivery."},
            409: {"still_pending": "It is still on its way."},
        },
    ),
)
