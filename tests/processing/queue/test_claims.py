"""An image is in one worker's hands at a time, and comes out of a dead one's."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from django.conf import settings
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from processing.models import Image, Job
from processing.queue.claims import LeaseKeeper, claim, release, renew
from tests.cast import person, submitted

pytestmark = pytest.mark.django_db


def expire(*images: Image) -> None:
    past = timezone.now() - timedelta(hours=1)  # clearly: now() stands still in a transaction
    Image.objects.filter(id__in=[image.id for image in images]).update(lease_until=past)


def test_a_second_delivery_takes_nothing() -> None:
    _, images = submitted(person("alice"), 3)
    ids = [image.id for image in images]
    assert len(claim(ids)) == 3
    assert claim(ids) == []


def test_a_claim_is_one_statement_and_starts_the_job() -> None:
    job, images = submitted(person("alice"), 20)
    with CaptureQueriesContext(connection) as queries:
        held = claim([image.id for image in images])
    assert len(queries) == 1
    assert [h.image.index for h in held] == list(range(20))
    assert {h.image.attempt for h in held} == {1}
    assert Job.objects.get(id=job.id).status == "processing"


def test_an_image_whose_worker_died_is_taken_again_and_counted() -> None:
    _, images = submitted(person("alice"), 1)
    claim([images[0].id])
    expire(images[0])
    [again] = claim([images[0].id])
    assert again.image.attempt == 2


def test_an_image_is_taken_at_most_three_times() -> None:
    _, [image] = submitted(person("alice"), 1)
    for _ in range(settings.MAX_ATTEMPTS):
        assert len(claim([image.id])) == 1
        expire(image)
    assert claim([image.id]) == []


def test_a_renewed_lease_keeps_others_away_a_lost_one_stays_lost() -> None:
    _, images = submitted(person("alice"), 2)
    held = claim([image.id for image in images])
    expire(*images)
    [theirs] = claim([images[0].id])
    renew(held)
    assert claim([images[1].id]) == []
    mine = Image.objects.get(id=images[0].id)
    assert mine.attempt == theirs.image.attempt == 2


def test_what_is_released_uncounted_is_as_it_was() -> None:
    _, [image] = submitted(person("alice"), 1)
    held = claim([image.id])
    assert release(held, counted=False) == [image.id]
    image.refresh_from_db()
    assert (image.status, image.attempt, image.lease_until, image.sent_at) == ("pending", 0, None, None)


def test_what_is_released_counted_has_one_try_less() -> None:
    _, [image] = submitted(person("alice"), 1)
    release(claim([image.id]), counted=True)
    image.refresh_from_db()
    assert (image.status, image.attempt) == ("pending", 1)


def test_a_lease_that_was_lost_is_not_released() -> None:
    _, [image] = submitted(person("alice"), 1)
    held = claim([image.id])
    expire(image)
    claim([image.id])
    assert release(held, counted=True) == []
    image.refresh_from_db()
    assert image.status == "processing"


@pytest.mark.django_db(transaction=True)
def test_two_workers_at_once_never_take_the_same_image() -> None:
    _, images = submitted(person("alice"), 200)
    ids = [image.id for image in images]
    taken: list[list[Image]] = []
    start = threading.Barrier(4)

    def work() -> None:
        start.wait()
        taken.append([held.image for held in claim(ids)])
        connection.close()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    all_taken = [image.id for images in taken for image in images]
    assert sorted(all_taken) == sorted(ids)


@pytest.mark.django_db(transaction=True)
def test_the_keeper_renews_while_its_process_lives(settings: pytest.FixtureRequest) -> None:
    settings.LEASE = timedelta(seconds=0.6)  # type: ignore[attr-defined]
    _, [image] = submitted(person("alice"), 1)
    held = claim([image.id])
    first = held[0].image.lease_until
    with LeaseKeeper(held):
        deadline = threading.Event()
        for _ in range(100):
            deadline.wait(0.05)
            if Image.objects.get(id=image.id).lease_until > first:
                break
    assert Image.objects.get(id=image.id).lease_until > first
