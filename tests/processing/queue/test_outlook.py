"""What a job is told of those before it."""

from __future__ import annotations

import pytest

from processing.ledger import Outcome, settle
from processing.models import Job, Status
from processing.plumbing import metrics
from processing.queue.outlook import Outlook, outlook
from tests.cast import held, person, submitted

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def two_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics, "recent_rate", lambda: 2.0)


def test_the_only_job_has_nobody_before_it_and_its_own_images_to_wait_for() -> None:
    job, _ = submitted(person("alice"), 10)
    assert outlook(job) == Outlook(0, 5.0)


def test_ones_own_earlier_jobs_come_first() -> None:
    alice = person("alice")
    submitted(alice, 20)
    job, _ = submitted(alice, 10, first=50)
    assert outlook(job) == Outlook(20, 15.0)


def test_of_the_others_as_many_come_between_as_their_share() -> None:
    alice, bob = person("alice"), person("bob")
    submitted(alice, 1000)
    job, _ = submitted(bob, 10)
    assert outlook(job) == Outlook(0, 10.0), "one of alice's for each of bob's"


def test_what_somebody_waits_for_comes_before_bulk_whoever_it_belongs_to() -> None:
    alice, bob = person("alice"), person("bob")
    job, _ = submitted(alice, 10)
    submitted(bob, 6, "multi", first=100)
    assert outlook(job) == Outlook(6, 8.0)


def test_a_finished_job_and_a_service_that_did_nothing_of_late_know_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    job, images = submitted(person("alice"), 1)
    monkeypatch.setattr(metrics, "recent_rate", lambda: 0.0)
    assert outlook(job) == Outlook(0, None)
    [taken] = held(images)
    settle([Outcome(images[0].id, taken.image.lease or 0, Status.COMPLETED)])
    assert outlook(Job.objects.get(id=job.id)) == Outlook(None, None)
