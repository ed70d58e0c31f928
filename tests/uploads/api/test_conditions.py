"""Conditional requests, and ids as any client spells them."""

from __future__ import annotations

from uuid import uuid4

import pytest
from django.test import Client
from knox.models import AuthToken

from tests.cast import person, submitted

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("servers")]


@pytest.fixture
def alice() -> Client:
    owner = person(f"alice-{uuid4()}")
    _, token = AuthToken.objects.create(user=owner)
    client = Client(headers={"Authorization": f"Bearer {token}"})
    job, (image, *_) = submitted(owner)
    client.job, client.image = str(job.id), str(image.id)
    return client


def test_another_version_than_the_one_meant_is_a_problem(alice: Client) -> None:
    path = f"/api/jobs/{alice.job}"
    alice.post(f"{path}/cancel")  # an unfinished one has another outlook every second
    etag = alice.get(path)["ETag"]
    assert alice.get(path, headers={"If-Match": etag}).status_code == 200
    assert alice.get(path, headers={"If-None-Match": etag}).status_code == 304
    answer = alice.get(path, headers={"If-Match": '"another"'})
    assert (answer.status_code, answer["Content-Type"]) == (412, "application/problem+json")
    assert answer.json()["code"] == "precondition_failed"
    assert etag in answer.json()["detail"]


def test_a_rendition_of_another_version_is_a_problem(client: Client) -> None:
    path = f"/media/{'k' * 22}/web.{'0' * 16}.jpg"
    answer = client.get(path, headers={"If-Match": '"another"'})
    assert (answer.status_code, answer.json()["code"]) == (412, "precondition_failed")


def test_ids_are_read_in_capitals_too(alice: Client) -> None:
    for path in (f"/api/jobs/{alice.job.upper()}", f"/api/jobs/{alice.job.upper()}/images/"):
        assert alice.get(path).status_code == 200
    shown = alice.get(f"/api/images/{alice.image.upper()}").json()
    assert shown["id"] == alice.image
    assert alice.delete(f"/api/images/{alice.image.upper()}").status_code == 204
