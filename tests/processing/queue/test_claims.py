"""An image is in one worker's hands at a time, handed out by policy."""

from __future__ import annotations

import threading
from collections import Counter
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from processing.accounts.models import Plan, User
from processing.models import Image, Job, Queue, QueueState, Share
from processing.queue.claims import Chunk, Policy, claim
from tests.cast import person, submitted

pytestmark = pytest.mark.django_db

CHUNKS_OF_TEN = [Policy(queue, 10, 10**9, 1) for queue in (Queue.INTERACTIVE, Queue.BULK)]


def names(chunk: Chunk) -> list[tuple[int, int]]:
    """Of each image its owner and its place in the request."""
    return [(held.image.owner_id, held.image.index) for held in chunk.claims]


def owners(chunks: int, policies: list[Policy] = CHUNKS_OF_TEN) -> list[int]:
    """Whose images so many claims give, one owner a chunk."""
    return [claim(policies).claims[0].image.owner_id for _ in range(chunks)]


def test_a_claim_is_one_statement_and_starts_the_job() -> None:
    job, _ = submitted(person("alice"), 20)
    with CaptureQueriesContext(connection) as queries:
        chunk = claim(CHUNKS_OF_TEN)
    assert len(queries) == 1
    assert [held.image.index for held in chunk.claims] == list(range(10))
    assert len({held.image.lease for held in chunk.claims}) == 1
    assert {held.image.status for held in chunk.claims} == {"processing"}
    assert {held.image.attempt for held in chunk.claims} == {0}, "none of them is begun"
    assert chunk.more
    assert Job.objects.get(id=job.id).status == "processing"


def test_what_is_taken_is_not_taken_again() -> None:
    submitted(person("alice"), 10)
    assert len(claim(CHUNKS_OF_TEN).claims) == 10
    assert claim(CHUNKS_OF_TEN).claims == []


def test_interactive_comes_before_bulk_whoever_came_first() -> None:
    alice, bob = person("alice"), person("bob")
    submitted(alice, 3, "batch")
    submitted(bob, 2, "multi", first=100)
    submitted(bob, 1, "single", first=200)
    assert names(claim(CHUNKS_OF_TEN)) == [(bob.id, 0), (bob.id, 1), (bob.id, 0)]
    assert names(claim(CHUNKS_OF_TEN)) == [(alice.id, n) for n in range(3)]


def test_who_comes_late_is_served_next_and_then_they_take_turns() -> None:
    alice, bob = person("alice"), person("bob")
    submitted(alice, 200)
    assert owners(5) == [alice.id] * 5
    submitted(bob, 30)
    assert owners(1) == [bob.id]
    assert Counter(owners(4)) == {alice.id: 2, bob.id: 2}


def test_who_was_away_does_not_save_up() -> None:
    alice, bob = person("alice"), person("bob")
    submitted(bob, 10)
    owners(1)
    submitted(alice, 300)
    owners(20)
    submitted(bob, 100, first=500)
    assert Counter(owners(10)) == {alice.id: 5, bob.id: 5}


def test_shares_are_as_the_weights_of_the_plans() -> None:
    alice, bob = person("alice", "Premium"), person("bob", "Basic")
    Plan.objects.filter(name="Premium").update(weight=3)
    submitted(alice, 400)
    submitted(bob, 400)
    assert Counter(owners(40)) == {alice.id: 30, bob.id: 10}


def test_large_pictures_count_by_their_pixels() -> None:
    alice, bob = person("alice"), person("bob")
    submitted(alice, 100)
    submitted(bob, 100)
    Image.objects.filter(owner=alice).update(width=4000, height=3000)
    each = [Policy(Queue.BULK, 1, 10**9, 1)]
    shares = Counter(owners(60, each))
    assert shares[bob.id] > 5 * shares[alice.id]


def test_a_chunk_holds_no_more_pixels_than_it_may_but_one_image_always() -> None:
    submitted(person("alice"), 10)
    Image.objects.update(width=1000, height=1000)
    assert len(claim([Policy(Queue.BULK, 10, 3_500_000, 1)]).claims) == 3
    assert len(claim([Policy(Queue.BULK, 10, 1, 1)]).claims) == 1


def test_a_small_backlog_is_parted_among_all_processes() -> None:
    submitted(person("alice"), 8)
    assert [len(claim([Policy(Queue.BULK, 10, 10**9, 4)]).claims) for _ in range(4)] == [2, 2, 1, 1]


def test_what_was_tried_before_shares_no_chunk() -> None:
    _, images = submitted(person("alice"), 5)
    Image.objects.filter(id=images[1].id).update(alone=True)
    sizes = [[index for _, index in names(claim(CHUNKS_OF_TEN))] for _ in range(3)]
    assert sizes == [[0, 2, 3, 4], [1], []]


def test_an_account_has_no_more_in_hand_than_its_plan_allows() -> None:
    alice, bob = person("alice", "Premium"), person("bob", "Basic")
    Plan.objects.filter(name="Premium").update(max_in_hand=12)
    submitted(alice, 100)
    submitted(bob, 100)
    assert Counter(owners(6)) == {alice.id: 2, bob.id: 4}
    assert Image.objects.filter(owner=alice, status="processing").count() == 12


def test_a_paused_class_and_a_paused_account_wait_the_others_go_on() -> None:
    alice, bob = person("alice"), person("bob")
    submitted(alice, 10)
    submitted(bob, 10)
    submitted(bob, 10, "multi", first=50)
    QueueState.objects.create(queue=Queue.INTERACTIVE, paused_at=timezone.now())
    User.objects.filter(id=alice.id).update(paused_at=timezone.now())
    assert owners(1) == [bob.id]
    assert claim(CHUNKS_OF_TEN).claims == []
    QueueState.objects.update(paused_at=None)
    assert claim(CHUNKS_OF_TEN).claims[0].image.queue == Queue.INTERACTIVE


def test_what_waits_for_something_else_is_not_handed_out() -> None:
    _, images = submitted(person("alice"), 3)
    Image.objects.filter(id=images[0].id).update(waits="turn")
    Image.objects.filter(id=images[1].id).update(lease_until=timezone.now() + timedelta(hours=1))
    assert [index for _, index in names(claim(CHUNKS_OF_TEN))] == [2]


@pytest.mark.django_db(transaction=True)
def test_workers_that_claim_at_once_never_take_the_same_image_and_take_all() -> None:
    people = [person(name) for name in ("alice", "bob", "charlie")]
    ids = [image.id for owner in people for image in submitted(owner, 100)[1]]
    taken: list[Any] = []
    start = threading.Barrier(4)

    def work() -> None:
        start.wait()
        while (chunk := claim(CHUNKS_OF_TEN)).claims:
            taken.extend(held.image.id for held in chunk.claims)
        connection.close()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(taken) == sorted(ids)
    assert Share.objects.count() == 3
