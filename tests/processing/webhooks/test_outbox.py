"""Messages as they are written: gathered, in order, and never to an endpoint that is gone."""

from __future__ import annotations

import json
import threading
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.utils import timezone

from processing.accounts.models import User
from processing.jobs import lifecycle
from processing.ledger import Outcome, settle
from processing.models import Delivery, Endpoint, Image, Job, Status
from processing.webhooks import deliveries, endpoints
from processing.webhooks.events import EVENTS
from tests.cast import RECIPES, new_image, person

HOOK = "https://example.com/hook"
RENDITION = {
    "name": "thumbnail-200",
    "file": "thumbnail-200.0123456789abcdef.jpg",
    "width": 200,
    "height": 150,
    "size": 9000,
    "content_type": "image/jpeg",
    "version": 1,
    "animated": False,
}


@pytest.fixture
def alice(transactional_db: None) -> User:
    return person("alice")


def job_of(owner: User, count: int, name: str = "IMG_{:05}.jpg") -> tuple[Job, list[Image]]:
    files = [new_image(index, name=name.format(index)) for index in range(count)]
    with transaction.atomic():
        return lifecycle.submit(owner.id, "batch", RECIPES, files)


def complete(images: list[Image]) -> None:
    """As a worker would that holds them."""
    ids = [image.id for image in images]
    Image.objects.filter(id__in=ids).update(status=Status.PROCESSING, lease=1)
    settle([Outcome(image_id, 1, Status.COMPLETED, renditions=[RENDITION]) for image_id in ids])


def sent() -> list[dict[str, Any]]:
    """The messages as senders take them, each of them taken well."""
    taken = []
    while delivery := deliveries.claim_due():
        taken.append(json.loads(delivery.body))
        assert len(delivery.body.encode()) < 20_000
        deliveries.settle(delivery, 200, "")
    return taken


def test_images_are_gathered_by_the_hundred(alice: User) -> None:
    endpoints.register(alice.id, HOOK, ["image.completed", "job.finished"])
    _, images = job_of(alice, 700)
    for start in range(0, 700, 64):
        complete(images[start : start + 64])
    messages = sent()
    assert [message["type"] for message in messages] == [*["image.completed"] * 7, "job.finished"]
    told = [image["id"] for message in messages[:-1] for image in message["data"]["images"]]
    assert len(told) == 700
    assert set(told) == {str(image.id) for image in images}
    assert [len(message["data"]["images"]) for message in messages[:-1]] == [100] * 7


def test_long_names_make_more_messages_not_larger_ones(alice: User) -> None:
    endpoints.register(alice.id, HOOK, ["image.completed"])
    _, images = job_of(alice, 100, name="長" * 240 + "{}.jpg")
    complete(images)
    messages = sent()
    assert len(messages) > 1
    assert sum(len(message["data"]["images"]) for message in messages) == 100


def test_what_is_gathered_goes_after_seconds_when_no_more_comes(alice: User) -> None:
    endpoints.register(alice.id, HOOK, ["image.completed"])
    _, images = job_of(alice, 3)
    complete(images[:2])
    assert sent() == []
    later = timezone.now() - timedelta(seconds=1)
    assert Delivery.objects.update(due_at=later) == 1
    assert [len(message["data"]["images"]) for message in sent()] == [2]
    complete(images[2:])
    assert [len(message["data"]["images"]) for message in sent()] == [1]


def test_a_receiver_gets_a_jobs_messages_in_order_and_other_jobs_meanwhile(alice: User) -> None:
    endpoints.register(alice.id, HOOK, list(EVENTS))
    complete(job_of(alice, 1)[1])
    first = deliveries.claim_due()
    assert first is not None
    assert first.event == "job.created"
    deliveries.settle(first, 500, "refused")
    assert deliveries.claim_due() is None, "what comes after it waits"
    job, images = job_of(alice, 1)
    complete(images)
    assert [message["type"] for message in sent()] == ["job.created", "image.completed", "job.finished"]
    assert Delivery.objects.filter(job=job, status="delivered").count() == 3


def test_a_sender_that_lost_its_lease_changes_nothing(alice: User) -> None:
    endpoint = endpoints.register(alice.id, HOOK, ["job.finished"])
    complete(job_of(alice, 1)[1])
    late = deliveries.claim_due()
    assert late is not None
    Delivery.objects.update(lease_until=timezone.now())
    again = deliveries.claim_due()
    assert again is not None
    deliveries.settle(again, 200, "")
    assert deliveries.replay(Delivery.objects.filter(id=again.id)) == 1
    third = deliveries.claim_due()
    assert third is not None
    assert third.attempt == late.attempt
    deliveries.settle(late, 410, "")
    assert Delivery.objects.get().status == "pending"
    endpoint.refresh_from_db()
    assert endpoint.disabled_at is None


def test_tries_whose_senders_died_are_counted(alice: User) -> None:
    endpoints.register(alice.id, HOOK, ["job.finished"])
    complete(job_of(alice, 1)[1])
    tries = 0
    while deliveries.claim_due():
        tries += 1
        Delivery.objects.update(lease_until=timezone.now())
    assert tries == len(deliveries.PAUSES) + 1
    assert Delivery.objects.get().status == "failed"


def test_an_endpoint_removed_while_it_is_told_takes_nothing_with_it(alice: User) -> None:
    endpoint = endpoints.register(alice.id, HOOK, ["job.finished", "image.completed"])
    job, images = job_of(alice, 1)
    removing = threading.Thread(target=_removed, args=(endpoint,))
    with transaction.atomic():
        complete(images)
        removing.start()
        removing.join(1)
        assert removing.is_alive(), "it waits for who is telling"
    removing.join(30)
    job.refresh_from_db()
    assert job.status == "completed"
    assert not Endpoint.objects.exists()
    assert set(Delivery.objects.values_list("status", "last_error")) == {("failed", "endpoint_removed")}


def _removed(endpoint: Endpoint) -> None:
    try:
        endpoints.remove(endpoint)
    finally:
        connection.close()


def test_of_many_that_register_at_once_twenty_succeed(alice: User) -> None:
    refused = []

    def register(number: int) -> None:
        try:
            endpoints.register(alice.id, f"{HOOK}/{number}", ["job.finished"])
        except endpoints.TooMany:
            refused.append(number)
        finally:
            connection.close()

    threads = [threading.Thread(target=register, args=(number,)) for number in range(30)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (Endpoint.objects.count(), len(refused)) == (20, 10)


def test_its_owner_is_told_by_mail_when_an_endpoint_is_disabled(
    alice: User, settings: Any, mailoutbox: list[Any]
) -> None:
    settings.EMAIL_HOST = "mail.example"
    alice.email = "alice@example.com"
    alice.save()
    endpoint = endpoints.register(alice.id, HOOK, ["job.finished"])
    with transaction.atomic():
        endpoints.disable(endpoint, "it answered 410 (Gone).")
    assert [message.to for message in mailoutbox] == [["alice@example.com"]]
    assert HOOK in mailoutbox[0].body
