"""A canvas that would clearly not fit is not begun."""

from __future__ import annotations

import pytest
from django.test import Client
from knox.models import AuthToken

from processing.accounts.models import Plan
from processing.models import Job
from tests.cast import person

pytestmark = pytest.mark.django_db

MEGABYTE = 1024 * 1024


@pytest.mark.parametrize(
    ("granular", "used", "status"),
    [(100, 0, 202), (100, 8 * MEGABYTE, 413), (10, 0, 413)],
    ids=["fits", "is full already", "ten snapshots do not"],
)
def test_the_quota_is_looked_at_before_a_canvas_is_begun(granular: int, used: int, status: int) -> None:
    alice = person("alice", "Basic")
    Plan.objects.filter(name="Basic").update(storage_quota_bytes=10 * MEGABYTE)
    type(alice).objects.filter(id=alice.id).update(used_bytes=used)
    _, token = AuthToken.objects.create(user=alice)
    asked = {"width": 1000, "height": 1000, "granular": granular}
    answer = Client(headers={"Authorization": f"Bearer {token}"}).post(
        "/api/canvas", asked, content_type="application/json"
    )
    assert answer.status_code == status, answer.content
    assert Job.objects.count() == (status == 202)
    if status == 413:
        problem = answer.json()
        assert (problem["code"], problem["limit"], problem["plan"]) == (
            "quota_exceeded",
            10 * MEGABYTE,
            "Basic",
        )
        assert problem["actual"] > problem["limit"]
