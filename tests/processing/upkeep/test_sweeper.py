"""What was lost on the quick way is found on the slow one."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from celery import current_app
from django.utils import timezone

from processing.jobs import lifecycle
from processing.models import Image, Pulse
from processing.queue import dispatch
from processing.upkeep import sweeper
from tests.cast import held, person, submitted

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def queues(servers: None) -> Iterator[None]:
    """Empty queues on the real broker, and no bell hanging, before and after."""
    purge()
    yield
    purge()


def purge() -> None:
    with current_app.connection_for_write() as broker:
        channel: Any = broker.default_channel
        for name in dispatch.QUEUES:
            channel.queue_declare(name)
            channel.queue_purge(name)
    for task in (dispatch.WORK_TASK, dispatch.FETCH_TASK):
        dispatch.answered(task)


def waiting(queue: str) -> int:
    with current_app.connection_for_write() as broker:
        channel: Any = broker.default_channel
        return int(channel.queue_declare(queue).message_count)


def test_many_images_ring_once_until_somebody_answers() -> None:
    for _ in range(5):
        dispatch.wake()
    assert waiting("images") == 1
    dispatch.answered()
    dispatch.wake()
    assert waiting("images") == 2


def test_a_bell_that_was_lost_is_rung_again() -> None:
    submitted(person("alice"), 2)
    dispatch.wake()
    with current_app.connection_for_write() as broker:
        broker.default_channel.queue_purge("images")
    dispatch.wake()
    assert waiting("images") == 0, "it seems to ring"
    sweeper.sweep()
    assert waiting("images") == 1


def test_nobody_is_woken_for_what_waits_for_something_else() -> None:
    _, images = submitted(person("alice"), 3)
    later = timezone.now() + timedelta(hours=1)
    Image.objects.filter(id=images[0].id).update(lease_until=later)
    Image.objects.filter(id=images[1].id).update(waits="turn", index=99)
    held([images[2]])
    sweeper.wake_workers()
    assert waiting("images") == 0


def test_an_image_that_waits_for_its_twin_is_freed_where_that_comes_to_nothing() -> None:
    alice = person("alice")
    job, _ = submitted(alice, 1)
    _, [twin] = submitted(alice, 1)
    assert (twin.waits, sweeper.free_twins()) == ("twin", 0)
    lifecycle.cancel(job)
    assert sweeper.free_twins() == 1
    assert [each.image.id for each in held([twin])] == [twin.id]


def test_one_with_tries_left_is_not_given_up() -> None:
    _, images = submitted(person("alice"), 1)
    held(images)
    Image.objects.update(lease_until=timezone.now() - timedelta(minutes=1))
    assert sweeper.give_up() == 0


def test_every_round_leaves_a_pulse() -> None:
    sweeper.sweep()
    assert Pulse.objects.get(name="sweep").beat_at > timezone.now() - timedelta(seconds=10)
