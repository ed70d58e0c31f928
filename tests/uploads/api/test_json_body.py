"""Small JSON must not make large work: bounded before it is parsed."""

from __future__ import annotations

import json
import time
from contextlib import suppress
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client
from knox.models import AuthToken

from tests.cast import person
from uploads.api.json_body import JsonLimits, bounded
from uploads.intake.refusals import Refused

LIMITS = JsonLimits(size=1000, depth=3, items=10)
CHECKSUM = f"sha256:{'0' * 64}"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{}",
        b"[[[]]]",
        b'{"a":[1,2,3,4,5,6,7,8]}',
        json.dumps({"text": "[[[[,,,,,,,,,,,,]]]]"}).encode(),
        json.dumps({"text": '\\"[[[[,,,,,,,,,,,,,\\'}).encode(),
    ],
)
def test_what_is_within_the_limits_passes(data: bytes) -> None:
    assert bounded(data, LIMITS) is data


@pytest.mark.parametrize(
    ("data", "status", "code"),
    [
        (b" " * 1001, 413, "body_too_large"),
        (b"[" + b"1," * 20 + b"1]", 413, "too_many_items"),
        (b"[" + b"{}," * 11 + b"1]", 413, "too_many_items"),
        (b"[[[[]]]]", 400, "nested_too_deep"),
        (b'{"a":{"b":{"c":{}}}}', 400, "nested_too_deep"),
        (b"[" * 9, 400, "nested_too_deep"),
    ],
)
def test_what_is_beyond_is_refused_with_the_limit(data: bytes, status: int, code: str) -> None:
    with pytest.raises(Refused) as refused:
        bounded(data, LIMITS)
    assert (refused.value.status_code, refused.value.code) == (status, code)
    assert "limit" in refused.value.members


def test_the_bounds_are_looked_at_in_linear_time() -> None:
    began = time.process_time()
    for data in (b'"\\' * 500_000, b'"a' * 500_000, b"[" * 1_000_000, b'"' + b"\\\\" * 500_000):
        with suppress(Refused):
            bounded(data + b"," * 11, JsonLimits(size=2_000_000, depth=3, items=10))
    assert time.process_time() - began < 20, "each byte once takes a tenth of a second, each twice for hours"


@pytest.fixture
def alice(servers: None, db: None) -> Client:
    _, token = AuthToken.objects.create(user=person(f"alice-{uuid4()}"))
    return Client(headers={"Authorization": f"Bearer {token}"})


def asked(client: Client, body: Any, path: str = "/api/images/check") -> Any:
    text = body if isinstance(body, str) else json.dumps(body)
    return client.post(path, text, content_type="application/json")


def test_as_many_checksums_as_allowed_pass(alice: Client) -> None:
    assert asked(alice, {"checksums": [CHECKSUM] * 10_000}).status_code == 200


@pytest.mark.parametrize("item", [{}, [], "x", None, 1, {"a": 1}])
def test_many_wrong_checksums_are_answered_with_the_first_twenty(alice: Client, item: Any) -> None:
    answer = asked(alice, {"checksums": [item] * 4000})
    assert answer.status_code == 400
    assert len(answer.json()["errors"]) == 20
    assert len(answer.content) < 10_000


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ('{"checksums":[' + "{}," * 70_000 + "{}]}", 413),
        ('{"checksums":[' + "{}," * 1_300_000 + "{}]}", 413),
        ("[" * 60_000, 413),
        ('{"checksums": NaN}', 400),
        ("9" * 5000, 400),
        ('"\\ud800"', 400),
    ],
)
def test_hostile_bodies_are_refused(alice: Client, body: str, status: int) -> None:
    for path in ("/api/images/check", "/api/tokens", "/api/webhooks", "/api/canvas"):
        answer = asked(alice, body, path)
        assert answer.status_code in (status, 400, 413)
        assert answer.status_code == status or path != "/api/images/check"
        assert len(answer.content) < 5000
