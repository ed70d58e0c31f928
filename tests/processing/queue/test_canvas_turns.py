"""Snapshots of a canvas go to the workers one after another."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import timedelta
from typing import Any

import pytest
from celery import current_app
from django.conf import settings
from django.db import connection
from django.utils import timezone

from processing.jobs import lifecycle
from processing.jobs.canvases import Asked, start
from processing.ledger import Outcome, settle
from processing.models import Event, Image, Job, Status
from processing.plumbing.uuid7 import uuid7
from processing.queue import canvas_turns, dispatch
from processing.queue.claims import claim
from processing.upkeep import sweeper
from tests.cast import RECIPE, person

pytestmark = pytest.mark.django_db


def started(granular: int = 20) -> tuple[Job, list[Image]]:
    job = start(person("alice").id, RECIPE, Asked(40, 30, granular, seed=1))
    return job, list(job.images.order_by("index"))


def turn_of(job: Job) -> list[int]:
    """The indexes of the snapshots that a worker may have been told of, unfinished ones only."""
    free = job.images.filter(status__in=["pending", "processing"]).exclude(sent_at=canvas_turns.HELD)
    return sorted(free.values_list("index", flat=True))


@contextmanager
def send_to_bulk() -> Iterator[None]:
    """A queue with one message that nobody takes."""
    with current_app.connection_for_write() as broker:
        channel: Any = broker.channel()
        for queue in dispatch.ALL_QUEUES:
            channel.queue_purge(queue)
        dispatch.send([[uuid7()]], dispatch.BULK)
        try:
            yield
        finally:
            channel.queue_purge(dispatch.BULK)


def finished(image: Image, status: Status = Status.COMPLETED) -> None:
    [held] = claim([image.id])
    settle([Outcome(image.id, held.image.attempt, status)])


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
    claim([images[0].id])
    assert canvas_turns.give([job.id]) == 0
    assert turn_of(job) == [0]


def test_a_failed_snapshot_passes_the_turn_on() -> None:
    job, images = started()
    finished(images[0], Status.FAILED)
    assert canvas_turns.give([job.id]) == 1
    assert turn_of(job) == [1]


def test_the_sweeper_leaves_alone_whose_turn_has_not_come() -> None:
    job, images = started()
    claim([images[0].id])
    sweeper.sweep()
    assert turn_of(job) == [0]
    assert set(job.images.filter(index__gt=0).values_list("sent_at", flat=True)) == {canvas_turns.HELD}


def test_a_snapshot_in_a_long_queue_is_not_sent_again_and_again() -> None:
    job, images = started()
    minutes_ago = timezone.now() - timedelta(minutes=2)
    Image.objects.filter(id=images[0].id).update(sent_at=minutes_ago)
    with send_to_bulk():
        sweeper.send_forgotten()
        assert job.images.get(index=0).sent_at == minutes_ago
    sweeper.send_forgotten()
    assert job.images.get(index=0).sent_at != minutes_ago


def test_the_sweeper_passes_on_a_turn_that_a_killed_worker_kept() -> None:
    job, images = started()
    finished(images[0])
    sweeper.sweep()
    assert turn_of(job) == [1]


def test_a_snapshot_given_up_passes_the_turn_on() -> None:
    job, images = started()
    claim([images[0].id])
    past = timezone.now() - timedelta(minutes=1)
    Image.objects.filter(id=images[0].id).update(lease_until=past, attempt=settings.MAX_ATTEMPTS)
    sweeper.sweep()
    images[0].refresh_from_db()
    assert (images[0].status, images[0].error_code) == ("failed", "worker_crashed")
    assert turn_of(job) == [1]


def test_cancel_aborts_all_whose_turn_has_not_come() -> None:
    job, images = started()
    finished(images[0])
    canvas_turns.give([job.id])
    claim([images[1].id])
    assert lifecycle.cancel(job) == 3
    assert canvas_turns.give([job.id]) == 0
    settle([Outcome(images[1].id, 1, Status.COMPLETED)])
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
