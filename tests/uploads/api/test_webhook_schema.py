"""The messages that receivers really get, held against the `webhooks` of the OpenAPI document."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import pytest
from drf_spectacular.generators import SchemaGenerator

from processing.jobs import deletion, lifecycle
from processing.ledger import Outcome, settle
from processing.models import Delivery, Status
from processing.webhooks import endpoints, outbox
from processing.webhooks.events import EVENTS, TEST
from processing.webhooks.sending import headers
from tests.cast import RECIPES, held, new_image, person

HOOK = "https://example.com/hook"
_CHECKED = jsonschema.Draft202012Validator.FORMAT_CHECKER


@pytest.fixture(scope="module")
def document() -> Any:
    return SchemaGenerator().get_schema(request=None, public=True)


@pytest.fixture
def written(db: None) -> list[Delivery]:
    """What a job with a completed and a failed image tells a receiver, and its own `webhook_url`."""
    owner = person("alice")
    endpoint = endpoints.register(owner.id, HOOK, list(EVENTS))
    _, images = lifecycle.submit(owner.id, "batch", RECIPES, [new_image(0), new_image(1)], webhook_url=HOOK)
    first, second = (taken.image for taken in held(images))
    truncated = {"error_code": "truncated", "error_detail": "The file ends early."}
    settle([Outcome(first.id, first.lease or 0, Status.COMPLETED)])
    settle([Outcome(second.id, second.lease or 0, Status.FAILED, **truncated)])
    deletion.delete_all([first.id])
    deletion.restore_all([first.id])
    outbox.test(endpoint)
    return list(Delivery.objects.order_by("event"))


def hold(document: Any, value: Any, schema: Any) -> None:
    whole = {**schema, "components": document["components"]}
    jsonschema.validate(value, whole, cls=jsonschema.Draft202012Validator, format_checker=_CHECKED)


def body_schema(document: Any, event: str) -> Any:
    return document["webhooks"][event]["post"]["requestBody"]["content"]["application/json"]["schema"]


def test_every_event_is_described(document: Any) -> None:
    assert document["openapi"].startswith("3.1")
    assert set(document["webhooks"]) == {*EVENTS, TEST.name}
    for event in document["webhooks"]:
        told = document["webhooks"][event]["post"]
        assert set(told["responses"]) == {"2XX", "410", "default"}
        for example in told["requestBody"]["content"]["application/json"]["examples"].values():
            hold(document, example["value"], body_schema(document, event))


def test_every_message_is_as_described(document: Any, written: list[Delivery]) -> None:
    events = [delivery.event for delivery in written]
    assert events == sorted([*EVENTS, "job.finished", TEST.name])
    for delivery in written:
        body = json.loads(delivery.body)
        assert body["type"] == delivery.event
        hold(document, body, body_schema(document, delivery.event))


def test_the_description_is_closed(document: Any, written: list[Delivery]) -> None:
    for delivery in written:
        body = json.loads(delivery.body)
        for wrong in (
            {**body, "more": 1},
            {**body, "data": {**body["data"], "more": 1}},
            {**body, "type": "x"},
        ):
            with pytest.raises(jsonschema.ValidationError):
                hold(document, wrong, body_schema(document, delivery.event))


def test_the_headers_are_those_described(document: Any, written: list[Delivery]) -> None:
    for delivery in written:
        sent = headers(delivery)
        described = {
            parameter["name"]: parameter["schema"]
            for parameter in document["webhooks"][delivery.event]["post"]["parameters"]
        }
        assert sent.pop("Content-Type") == "application/json"
        assert set(sent) == set(described)
        for name, value in sent.items():
            hold(document, value, described[name])
