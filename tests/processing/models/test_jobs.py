"""What every job begins with, whatever asks for it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator

import pytest

from processing.accounts.models import User
from processing.imaging.recipes import thumbnail
from processing.jobs import canvases, derivations, fetches
from processing.models import Image, Job
from processing.plumbing.request_id import request_id
from tests.cast import RECIPES, person, submitted

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def request_under_way() -> Iterator[None]:
    before = request_id.set("req-7")
    yield
    request_id.reset(before)


def uploaded(owner: User) -> Job:
    return submitted(owner)[0]


def imported(owner: User) -> Job:
    source = fetches.NewSource(0, "a.jpg", "https://example.com/a.jpg", 1000)
    return fetches.submit(owner.id, Job.Kind.CSV, RECIPES, [source])


def drawn(owner: User) -> Job:
    return canvases.start(owner.id, RECIPES, canvases.Asked(4, 4, 50, seed=1))


def derived(owner: User) -> Job:
    submitted(owner, 2)
    job = derivations.submit(owner.id, [thumbnail(100)], list(Image.objects.values_list("id", flat=True)))
    assert job is not None
    return job


@pytest.mark.parametrize("begin", [uploaded, imported, drawn, derived])
def test_a_job_names_the_request_it_came_with(
    begin: Callable[[User], Job], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "processing")
    job = begin(person("alice"))
    assert Job.objects.get(id=job.id).request_id == "req-7"
    [line] = [r for r in caplog.records if r.message == "job submitted" and getattr(r, "job", 0) == job.id]
    assert (line.__dict__["kind"], line.__dict__["images"]) == (job.kind, job.total)
