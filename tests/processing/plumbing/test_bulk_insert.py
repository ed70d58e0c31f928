"""Rows written in one statement are the rows that Django reads."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import DataError, connection
from django.forms import model_to_dict
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from processing.files import storage
from processing.models import Image, Job
from processing.plumbing.bulk_insert import insert
from processing.plumbing.uuid7 import uuid7
from tests.cast import person

pytestmark = pytest.mark.django_db


def new(job: Job, index: int, **own: object) -> Image:
    shared = {"job": job, "owner_id": job.owner_id, "size": 1, "content_type": "image/png"}
    mine = {"name": f"{index}.png", "checksum": f"{index:064}", "key": storage.new_key(), "width": 1}
    return Image(id=uuid7(), index=index, height=2, **{**shared, **mine, **own})


@pytest.fixture
def job() -> Job:
    return Job.objects.create(owner=person("alice"), kind="batch", recipes=[], total=9)


def written(rows: list[Image]) -> list[dict[str, object]]:
    return [
        model_to_dict(row) for row in Image.objects.filter(id__in=[row.id for row in rows]).order_by("id")
    ]


@pytest.mark.parametrize("count", [1, 2, 200])
def test_every_value_comes_back_as_it_was(job: Job, count: int) -> None:
    now = timezone.now()
    rows = [
        new(
            job,
            index,
            name=f'"{index}" \\ \U0001f600 %s \' é',
            lease_until=now + timedelta(microseconds=index) if index % 3 else None,
            keeps_original=bool(index % 2),
            colors=[{"hex": "#ff0000", "hue": index % 360, "share": 0.5}] if index % 5 else [],
            uploaded_at=now,
        )
        for index in range(count)
    ]
    for row in rows[1:]:
        row.duplicate_of = rows[0]
    with CaptureQueriesContext(connection) as queries:
        insert(rows)
    assert len(queries) == 1
    assert written(rows) == [model_to_dict(row) for row in rows]
    found = Image.objects.filter(job=job).order_by("id")
    assert [row.lease_until for row in found] == [row.lease_until for row in rows]


def test_a_default_of_the_database_is_used(job: Job) -> None:
    rows = [new(job, index) for index in range(2)]
    before = timezone.now() - timedelta(minutes=1)
    insert(rows)
    assert all(row.uploaded_at > before for row in Image.objects.filter(job=job))


def test_what_is_too_long_is_refused_and_not_cut(job: Job) -> None:
    with pytest.raises(DataError):
        insert([new(job, 0), new(job, 1, name="x" * 256)])
