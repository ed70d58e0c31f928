"""The administration's front page tells an operator what to look at."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from processing.accounts.models import User
from processing.models import Image, Pulse
from tests.cast import person, submitted

pytestmark = pytest.mark.django_db


@pytest.fixture
def admin() -> Client:
    boss = person("boss")
    User.objects.filter(id=boss.id).update(is_staff=True, is_superuser=True)
    client = Client()
    client.force_login(User.objects.get(id=boss.id))
    return client


def rows(admin: Client) -> str:
    return " ".join(admin.get("/admin/").content.decode().split())


def test_it_says_what_waits_what_failed_and_what_does_not_run(admin: Client) -> None:
    _, images = submitted(person("alice"), 3)
    failed = {"status": "failed", "error_code": "truncated", "finished_at": timezone.now()}
    Image.objects.filter(id=images[0].id).update(**failed)
    long_ago = failed | {"error_code": "undecodable", "finished_at": timezone.now() - timedelta(hours=2)}
    Image.objects.filter(id=images[1].id).update(**long_ago)
    page = rows(admin)
    assert "never seen: not running?" in page
    assert "truncated" in page
    assert "undecodable" not in page
    assert "1, the oldest for" in page
    Pulse.objects.create(name="sweep", beat_at=timezone.now())
    assert "not running?" not in rows(admin)


def test_it_lists_no_groups_and_no_token_tables(admin: Client) -> None:
    page = rows(admin)
    assert "Knox" not in page
    assert "/admin/auth/group/" not in page


def test_a_job_leads_to_its_images(admin: Client) -> None:
    job, images = submitted(person("alice"), 2)
    submitted(person("bob"), 1, first=50)
    page = admin.get(f"/admin/processing/job/{job.id}/change/").content.decode()
    address = f"/admin/processing/image/?job__id__exact={job.id}"
    assert address in page
    listed = admin.get(address).content.decode()
    assert all(str(image.id) in listed for image in images)
    assert "2 images" in listed
