"""What was lost on the quick way is found on the slow one."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from celery import current_app
from django.conf import settings
from django.utils import timezone

from processing.models import Image, Job, Pulse
from processing.queue import dispatch
from processing.queue.claims import claim
from processing.upkeep import sweeper
from tests.cast import person, submitted

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def queues(servers: None) -> Iterator[None]:
    """Empty queues on the real broker, before and after."""
    purge()
    yield
    purge()


def purge() -> None:
    with current_app.connection_for_write() as broker:
        for name in dispatch.ALL_QUEUES:
            broker.default_channel.queue_purge(name)


def waiting(queue: str) -> int:
    with current_app.connection_for_write() as broker:
        return broker.default_channel.queue_declare(queue).message_count


def age(images: list[Image], **values: object) -> None:
    Image.objects.filter(id__in=[image.id for image in images]).update(**values)


def ago(seconds: float) -> object:
    return timezone.now() - timedelta(seconds=seconds)


def test_an_image_whose_message_was_lost_is_sent_again() -> None:
    _, images = submitted(person("alice"), 2)
    age(images, sent_at=ago(60))
    assert sweeper.send_forgotten() == 2
    assert waiting("bulk") == 1


def test_one_that_was_just_sent_is_left_to_its_worker() -> None:
    submitted(person("alice"), 2)
    assert sweeper.send_forgotten() == 0


def test_with_a_long_queue_waiting_is_not_forgotten() -> None:
    _, images = submitted(person("alice"), 2)
    age(images, sent_at=ago(60))
    dispatch.send([[images[0].id]], "bulk")
    assert sweeper.send_forgotten() == 0


def test_one_that_was_never_sent_goes_at_once() -> None:
    _, images = submitted(person("alice"), 1, "multi")
    age(images, sent_at=None)
    assert sweeper.send_forgotten() == 1
    assert waiting("interactive") == 1


def test_those_that_were_tried_before_go_alone() -> None:
    _, images = submitted(person("alice"), 5)
    claim([image.id for image in images])
    age(images, lease_until=ago(60), sent_at=ago(60))
    assert sweeper.send_forgotten() == 5
    assert waiting("bulk") == 5


def test_a_round_does_not_send_what_the_last_one_sent() -> None:
    _, images = submitted(person("alice"), 3)
    age(images, sent_at=ago(60))
    assert sweeper.send_forgotten() == 3
    assert sweeper.send_forgotten() == 0


def test_an_image_that_waits_for_its_twin_is_not_sent() -> None:
    alice = person("alice")
    submitted(alice, 1)
    _, twins = submitted(alice, 1)
    assert twins[0].duplicate_of_id is not None
    age(twins, sent_at=None)
    assert sweeper.send_forgotten() == 0


def test_an_image_that_took_three_workers_with_it_fails_and_the_job_ends() -> None:
    job, images = submitted(person("alice"), 1)
    for _ in range(settings.MAX_ATTEMPTS):
        claim([images[0].id])
        age(images, lease_until=ago(60))
    assert sweeper.give_up() == 1
    image = Image.objects.get(id=images[0].id)
    assert (image.status, image.error_code) == ("failed", "worker_crashed")
    assert Job.objects.get(id=job.id).status == "failed"


def test_one_with_tries_left_is_not_given_up() -> None:
    _, images = submitted(person("alice"), 1)
    claim([images[0].id])
    age(images, lease_until=ago(60))
    assert sweeper.give_up() == 0


def test_every_round_leaves_a_pulse() -> None:
    sweeper.sweep()
    assert Pulse.objects.get(name="sweep").beat_at > timezone.now() - timedelta(seconds=10)
