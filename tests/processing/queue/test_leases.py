"""What a worker holds is its own while it lives, and free again when it does not."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.utils import timezone

from processing.models import Image
from processing.queue import in_hand, leases
from processing.queue.in_hand import Begun
from processing.queue.leases import Heartbeat
from processing.upkeep import sweeper
from tests.cast import held, person, submitted

pytestmark = pytest.mark.django_db

# A process that notes an image, and waits for its end.
_WORKER = """
import os, sys, time, uuid, django
os.environ["DJANGO_SETTINGS_MODULE"] = "imageapi.settings"
django.setup()
from processing.queue import in_hand
in_hand.begin(int(sys.argv[1]), uuid.UUID(sys.argv[2]))
print("begun", flush=True)
time.sleep(600)
"""


def expire(*images: Image) -> None:
    past = timezone.now() - timedelta(hours=1)  # clearly: now() stands still in a transaction
    Image.objects.filter(id__in=[image.id for image in images]).update(lease_until=past)


def standing(images: list[Image]) -> list[tuple[str, int, bool]]:
    found = Image.objects.filter(id__in=[image.id for image in images]).order_by("id")
    return list(found.values_list("status", "attempt", "alone"))


def test_a_renewed_lease_keeps_others_away_a_lost_one_stays_lost() -> None:
    _, images = submitted(person("alice"), 2)
    lease = held(images)[0].image.lease or 0
    expire(*images)
    leases.renew(lease)
    assert leases.take_back() == 0
    expire(*images)
    assert leases.take_back() == 2
    leases.renew(lease)
    assert {image.lease_until for image in Image.objects.all()} == {None}
    theirs = held(images)
    assert {each.image.lease for each in theirs} != {lease}
    assert leases.release(lease, counted=True) == 0


def test_what_is_released_uncounted_is_as_it_was() -> None:
    _, [image] = submitted(person("alice"), 1)
    [taken] = held([image])
    assert leases.release(taken.image.lease or 0, counted=False) == 1
    image.refresh_from_db()
    assert (image.status, image.attempt, image.lease_until, image.alone) == ("pending", 0, None, False)


def test_what_is_released_counted_has_one_try_less_and_goes_alone() -> None:
    _, images = submitted(person("alice"), 2)
    taken = held(images)
    leases.release(taken[0].image.lease or 0, images[0].id, counted=True)
    assert standing(images) == [("pending", 1, True), ("processing", 0, False)]


def test_of_a_dead_workers_chunk_none_has_had_a_try_that_nobody_saw_begin() -> None:
    _, images = submitted(person("alice"), 3)
    for tries in range(settings.MAX_ATTEMPTS):
        held(images)
        expire(*images)
        assert sweeper.give_up() == 0
        assert leases.take_back() == 3
        assert standing(images) == [("pending", tries, True)] * 3
    held(images)
    expire(*images)
    assert sweeper.give_up() == 3, "each was begun, alone, three times"
    assert {image.error_code for image in Image.objects.all()} == {"worker_crashed"}


def begun_and_killed(lease: int, image: Image) -> None:
    environ = {**os.environ, "IMAGEAPI_HOME": str(settings.HOME)}
    argv = [sys.executable, "-c", _WORKER, str(lease), str(image.id)]
    with subprocess.Popen(argv, env=environ, stdout=subprocess.PIPE) as process:
        assert process.stdout
        assert process.stdout.readline() == b"begun\n"
        assert sweeper.recover() == 0, "it lives"
        process.send_signal(signal.SIGKILL)


def test_a_killed_process_has_tried_the_image_it_began_and_no_other() -> None:
    _, images = submitted(person("alice"), 3)
    lease = held(images)[0].image.lease or 0
    begun_and_killed(lease, images[1])
    assert sweeper.recover() == 1
    assert standing(images) == [("pending", 0, False), ("pending", 1, True), ("pending", 0, False)]
    assert sweeper.recover() == 0


def test_the_third_process_that_an_image_ends_is_its_last() -> None:
    job, images = submitted(person("alice"), 2)
    for _ in range(settings.MAX_ATTEMPTS):
        lease = held(images)[0].image.lease or 0
        begun_and_killed(lease, images[0])
        sweeper.recover()
    assert [(status, tries) for status, tries, _ in standing(images)] == [("failed", 3), ("processing", 0)]
    assert job.images.get(index=0).error_code == "worker_crashed"


def test_a_note_stays_until_somebody_could_act_on_it() -> None:
    _, [image] = submitted(person("alice"), 1)
    begun_and_killed(7, image)

    def fail(_: Begun) -> None:
        raise ConnectionError

    with pytest.raises(ConnectionError):
        in_hand.recover(fail)
    seen: list[Begun] = []
    assert in_hand.recover(seen.append) == 1
    assert seen == [Begun(7, str(image.id))]


@pytest.mark.django_db(transaction=True)
def test_the_heartbeat_renews_while_its_process_lives(settings: Any) -> None:
    settings.LEASE = timedelta(seconds=0.6)
    _, [image] = submitted(person("alice"), 1)
    [taken] = held([image])
    first = taken.image.lease_until
    assert first
    with Heartbeat(taken.image.lease or 0):
        deadline = threading.Event()
        for _ in range(100):
            deadline.wait(0.05)
            if (Image.objects.get(id=image.id).lease_until or first) > first:
                break
    assert (Image.objects.get(id=image.id).lease_until or first) > first
