"""Large JSON is compressed; what holds a secret that others could probe for is not."""

from __future__ import annotations

import gzip
import json
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.http import HttpResponse
from django.test import Client, RequestFactory
from django.urls import resolve
from knox.models import AuthToken

from imageapi.serving.compression import Compression
from tests.cast import person, submitted

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("servers")]
LONG = b"x" * 2000
GZIP = {"Accept-Encoding": "gzip, br"}


@pytest.fixture
def alice() -> Client:
    owner = person(f"alice-{uuid4()}")
    submitted(owner, 10)
    _, token = AuthToken.objects.create(user=owner)
    client = Client(headers={"Authorization": f"Bearer {token}"})
    client.owner = owner
    return client


def test_a_list_is_compressed_for_who_takes_it(alice: Client) -> None:
    plain = alice.get("/api/list")
    packed = alice.get("/api/list", headers=GZIP)
    assert "Content-Encoding" not in plain
    assert packed["Content-Encoding"] == "gzip"
    assert json.loads(gzip.decompress(packed.content)) == plain.json()
    assert len(packed.content) * 2 < len(plain.content)
    assert all("Accept-Encoding" in answer["Vary"] for answer in (plain, packed))
    assert int(packed["Content-Length"]) == len(packed.content)


def test_a_small_answer_is_not(alice: Client) -> None:
    assert "Content-Encoding" not in alice.get("/api/me", headers=GZIP)


def test_nothing_that_was_asked_for_with_a_session(alice: Client) -> None:
    page = Client()
    page.force_login(alice.owner)
    answer = page.get("/api/list", headers=GZIP)
    assert len(answer.content) > 1000
    assert "Content-Encoding" not in answer


def test_the_description_is(client: Client) -> None:
    assert client.get("/api/schema/", headers=GZIP)["Content-Encoding"] == "gzip"


@pytest.mark.parametrize(
    ("path", "answer", "is_packed"),
    [
        ("/api/list", HttpResponse(LONG, content_type="application/json"), True),
        ("/api/list", HttpResponse(b"x" * 999, content_type="application/json"), False),
        ("/api/list", HttpResponse(b"x" * 2000, content_type="image/png"), False),
        ("/api/list", HttpResponse(b"x" * 2000, content_type="text/html; charset=utf-8"), False),
        (
            "/api/list",
            HttpResponse(LONG, content_type="application/json", headers={"ETag": '"1"'}),
            False,
        ),
        ("/api/tokens", HttpResponse(LONG, content_type="application/json"), False),
        ("/api/webhooks", HttpResponse(LONG, content_type="application/json"), False),
        ("/api/webhooks/secret", HttpResponse(LONG, content_type="application/json"), False),
        (f"/api/images/{UUID(int=7)}/links", HttpResponse(LONG, content_type="application/json"), False),
    ],
)
def test_what_is_compressed(path: str, answer: Any, is_packed: bool) -> None:
    request = RequestFactory(headers=GZIP).get(path)
    request.resolver_match = resolve(path)
    found = Compression(lambda _request: answer)(request)
    assert ("Content-Encoding" in found) is is_packed
