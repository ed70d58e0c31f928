"""Snapshots of a canvas go to the workers one after another."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.db import connection
from django.utils import timezone

from processing.jobs import lifecycle
from processing.jobs.canvases import Asked, start
from processing.ledger import Outcome, settle
from processing.models import Event, Image, Job, Status
from processing.queue import canvas_turns
from processing.upkeep import sweeper
from tests.cast import RECIPES, held, person

pytestmark = pytest.mark.django_db


def started(granular: int = 20) -> tuple[Job, list[Image]]:
    job = start(person("alice").id, RECIPES, Asked(40, 30, granular, seed=1))
    return job, list(job.images.order_by("index"))


def turn_of(job: Job) -> list[int]:
    """The indexes of the snapshots that a worker may have been told of, unfinished ones only."""
    free = job.images.filter(status__in=["pending", "processing"]).exclude(waits="turn")
    return sorted(free.values_list("index", flat=True))


def finished(image: Image, status: Status = Status.COMPLETED) -> None:
    [taken] = held([image])
    settle([Outcome(image.id, taken.image.lease or 0, status)])


def test_all_snapshots_are_there_from_the_start_and_one_has_its_turn() -> None:
    job, images = started()
    assert [image.name for image in images] == [f"myImg_{p}.png" for p in (20, 40, 60, 80, 100)]
    assert {(image.status, image.has_original) for image in images} == {("pending", False)}
    assert (job.total, turn_of(job)) == (5, [0])


def test_the_turn_goes_on_in_order_to_the_end() -> None:
    job, images = started()
    for image in images:
        assert turn_of(job) == [image.index]
        finished(image)
        assert canvas_turns.give([job.id]) == (image.index < 4)
    job.refresh_from_db()
    assert (job.status, job.completed) == ("completed", 5)
    assert Event.objects.filter(job=job, type="job.finished").count() == 1


def test_no_second_turn_while_one_is_under_way() -> None:
    job, images = started()
    assert canvas_turns.give([job.id]) == 0
    held([images[0]])
    assert canvas_turns.give([job.id]) == 0
    assert turn_of(job) == [0]


def test_a_failed_snapshot_passes_the_turn_on() -> None:
    job, images = started()
    finished(images[0], Status.FAILED)
    assert canvas_turns.give([job.id]) == 1
    assert turn_of(job) == [1]


def test_the_sweeper_leaves_alone_whose_turn_has_not_come() -> None:
    job, images = started()
    held([images[0]])
    sweeper.sweep()
    assert turn_of(job) == [0]
    assert set(job.images.filter(index__gt=0).values_list("waits", flat=True)) == {"turn"}


def test_the_sweeper_passes_on_a_turn_that_a_killed_worker_kept() -> None:
    job, images = started()
    finished(images[0])
    sweeper.sweep()
    assert turn_of(job) == [1]


def test_a_snapshot_given_up_passes_the_turn_on() -> None:
    job, images = started()
    held([images[0]])
    past = timezone.now() - timedelta(minutes=1)
    tried = settings.MAX_ATTEMPTS - 1
    Image.objects.filter(id=images[0].id).update(lease_until=past, alone=True, attempt=tried)
    sweeper.sweep()
    images[0].refresh_from_db()
    assert (images[0].status, images[0].error_code) == ("failed", "worker_crashed")
    assert turn_of(job) == [1]


def test_cancel_aborts_all_whose_turn_has_not_come() -> None:
    job, images = started()
    finished(images[0])
    canvas_turns.give([job.id])
    [taken] = held([images[1]])
    assert lifecycle.cancel(job) == 3
    assert canvas_turns.give([job.id]) == 0
    settle([Outcome(images[1].id, taken.image.lease or 0, Status.COMPLETED)])
    job.refresh_from_db()
    assert (job.status, job.completed, job.aborted) == ("aborted", 2, 3)
    assert job.finished_at
    sweeper.sweep()
    assert turn_of(job) == []


def test_a_retry_gives_the_failed_their_turns_again(
    django_capture_on_commit_callbacks: Callable[..., AbstractContextManager[list[Any]]],
) -> None:
    job, images = started()
    for image in images:
        finished(image, Status.COMPLETED if image.index == 2 else Status.FAILED)
        canvas_turns.give([job.id])
    with django_capture_on_commit_callbacks(execute=True):
        assert lifecycle.retry(job) == 4
    for index in (0, 1, 3, 4):
        assert turn_of(job) == [index]
        finished(images[index])
        canvas_turns.give([job.id])
    job.refresh_from_db()
    assert (job.status, job.completed, job.failed) == ("completed", 5, 0)


def test_the_same_canvas_is_never_taken_for_a_duplicate() -> None:
    _, images = started()
    assert {image.duplicate_of_id for image in images} == {None}
    assert len({image.key for image in images}) == 5


@pytest.mark.django_db(transaction=True)
def test_two_who_pass_the_turn_on_at_once_give_one() -> None:
    job, images = started(granular=1)
    finished(images[0])
    together = threading.Barrier(4)
    given: list[int] = []

    def give() -> None:
        together.wait()
        given.append(canvas_turns.give([job.id]))
        connection.close()

    threads = [threading.Thread(target=give) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(given) == [0, 0, 0, 1]
    assert turn_of(job) == [1]
