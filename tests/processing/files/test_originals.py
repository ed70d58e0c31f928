"""Uploaded files that a plan does not keep go, but never before their renditions are safe."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import storages
from django.db import OperationalError
from django.utils import timezone

from processing import ledger
from processing.accounts.models import Plan, User
from processing.files import discards, originals, storage
from processing.ledger import Outcome, settle
from processing.models import Discard, Image, Status
from processing.plumbing.circuit_breaker import CircuitBreaker
from processing.upkeep import sweeper
from tests.cast import held, person
from tests.drawing import photo
from tests.keeping import counted_bytes, files, fresh, kept_bytes, made, taken_in

pytestmark = pytest.mark.django_db(transaction=True)

PHOTO = photo(1, 300, 200)


def original(image: Image) -> str:
    return storage.original_name(image.key)


def give_plan(user: User, name: str) -> None:
    User.objects.filter(id=user.id).update(plan=Plan.objects.get(name=name))


def test_basics_original_is_gone_once_the_renditions_are_there() -> None:
    alice = person("alice", "Basic")
    pending = taken_in(alice, PHOTO)
    assert original(pending[0]) in files("originals")
    assert counted_bytes(alice) == len(PHOTO)
    [image] = made(pending)
    assert (image.status, image.has_original) == ("completed", False)
    assert original(image) not in files("originals")
    assert {r["name"] for r in image.renditions} == {"web", "thumbnail-200"}
    assert {storage.rendition_name(image.key, r["file"]) for r in image.renditions} <= files("renditions")
    assert counted_bytes(alice) == 0


def test_premiums_original_stays() -> None:
    alice = person("alice", "Premium")
    [image] = made(taken_in(alice, PHOTO))
    assert image.has_original
    assert original(image) in files("originals")
    assert counted_bytes(alice) == kept_bytes(alice) == len(PHOTO)


def test_the_sweeper_finishes_what_failed_after_the_commit(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_images: list[Image]) -> int:
        raise OperationalError("the database has gone away")

    alice = person("alice", "Basic")
    pending = taken_in(alice, PHOTO)
    [taken] = held([pending[0]])
    monkeypatch.setattr(ledger, "remove_unkept", fail)
    settle([Outcome(taken.image.id, taken.image.lease or 0, Status.COMPLETED)])
    assert original(pending[0]) in files("originals")
    sweeper.sweep()
    [image] = fresh(pending)
    assert not image.has_original
    assert original(image) not in files("originals")
    assert counted_bytes(alice) == 0


def test_the_sweeper_removes_a_file_whose_remover_was_killed() -> None:
    storages["originals"].save("ab/left-behind", ContentFile(b"x"))
    row = Discard.objects.create(
        store="originals", name="ab/left-behind", due_at=timezone.now() + timedelta(seconds=10)
    )
    discards.clear()
    assert "ab/left-behind" in files("originals"), "it is still in its remover's hands"
    Discard.objects.filter(id=row.id).update(due_at=timezone.now() - timedelta(minutes=1))
    assert discards.clear() == 1
    assert "ab/left-behind" not in files("originals")
    assert not Discard.objects.exists()


def test_a_failed_images_original_stays_for_another_try() -> None:
    alice = person("alice", "Basic")
    pending = taken_in(alice, PHOTO)
    [taken] = held([pending[0]])
    settled = settle([Outcome(taken.image.id, taken.image.lease or 0, Status.FAILED, error_code="timeout")])
    assert originals.remove_unkept(settled) == 0
    sweeper.sweep()
    assert original(pending[0]) in files("originals")
    assert counted_bytes(alice) == len(PHOTO)


def test_a_duplicate_under_way_keeps_the_file_they_share() -> None:
    alice = person("alice", "Basic")
    first = taken_in(alice, PHOTO)
    [taken] = held([first[0]])
    give_plan(alice, "Premium")
    second = taken_in(alice, PHOTO)
    assert second[0].duplicate_of_id == first[0].id
    settled = settle([Outcome(taken.image.id, taken.image.lease or 0, Status.COMPLETED)])
    assert [image.id for image in settled] == [first[0].id], (
        "the second wants more than the first's job makes"
    )
    assert originals.remove_unkept(settled) == 0
    [image] = made(second)
    assert {r["name"] for r in image.renditions} == {"web", "thumbnail-200", "thumbnail-400"}
    sweeper.sweep()
    assert original(image) in files("originals")
    assert counted_bytes(alice) == kept_bytes(alice) == len(PHOTO)


def test_who_uploads_again_under_a_better_plan_gets_an_original() -> None:
    alice = person("alice", "Basic")
    [poor] = made(taken_in(alice, PHOTO))
    give_plan(alice, "Premium")
    [rich] = made(taken_in(alice, PHOTO))
    assert rich.duplicate_of_id is None
    assert rich.has_original
    assert rich.key != poor.key
    assert counted_bytes(alice) == kept_bytes(alice) == len(PHOTO)


def test_a_second_upload_under_basic_needs_no_original() -> None:
    alice = person("alice", "Basic")
    [first] = made(taken_in(alice, PHOTO))
    before = files("originals")
    [second] = made(taken_in(alice, PHOTO))
    assert (second.status, second.duplicate_of_id, second.renditions) == (
        "completed",
        first.id,
        first.renditions,
    )
    assert files("originals") == before
    assert counted_bytes(alice) == 0


def test_a_storage_that_hangs_is_asked_once_and_by_one_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def hang(_store: object, name: str) -> None:
        asked.append(name)
        raise storage.StorageUnavailable(name)

    monkeypatch.setattr(discards, "_breaker", CircuitBreaker(60.0))
    monkeypatch.setattr(storage.DurableFiles, "delete", hang)
    Discard.objects.bulk_create(Discard(store="originals", name=f"ab/{n}") for n in range(3000))
    assert [discards.clear() for _ in range(3)] == [0, 0, 0]
    monkeypatch.setattr(discards, "_breaker", CircuitBreaker(60.0))
    assert discards.clear() == 0, "another process has it in hand, or had it lately"
    assert len(asked) == 1
    assert Discard.objects.filter(due_at__lte=timezone.now()).count() == 2000, "the rest waits for its turn"
