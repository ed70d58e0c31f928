"""Derive jobs give images what they lack: each once, whoever is killed, and never another URL."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from processing.accounts.models import Plan, User
from processing.files import storage
from processing.imaging.recipes import WEB, Recipe, thumbnail
from processing.jobs import derivations, lifecycle
from processing.models import Derivation, Event, Image, Job
from processing.news.representations import event_frame
from processing.queue.leases import release
from processing.worker import derive as deriving
from tests.cast import held, person
from tests.drawing import photo
from tests.keeping import counted_bytes, files, fresh, made, taken_in

pytestmark = pytest.mark.django_db(transaction=True)

SMALL = (200,)
WANTED = (WEB, thumbnail(200), thumbnail(300), thumbnail(400))


@pytest.fixture
def alice() -> User:
    """Her plan keeps originals, and gives thumbnails of 200 px only."""
    user = person("alice", "Premium")
    Plan.objects.filter(name="Premium").update(thumbnail_heights=list(SMALL))
    return user


def derived(owner: User) -> tuple[Job, list[Derivation]]:
    job = derivations.submit(owner.id, WANTED, derivations.lacking(owner.id, WANTED))
    assert job is not None
    return job, list(job.derivations.order_by("index"))


def names(image: Image) -> list[str]:
    return [rendition["name"] for rendition in image.renditions]


def work(rows: list[Derivation]) -> int:
    return deriving.process([row.id for row in rows])


def test_images_get_what_they_lack_and_keep_what_they_have(alice: User) -> None:
    before = made(taken_in(alice, photo(1, 500, 450), photo(2, 500, 450)))
    job, rows = derived(alice)
    assert work(rows) == 2
    job.refresh_from_db()
    assert (job.kind, job.status, job.completed, job.total) == ("derive", "completed", 2, 2)
    for old, new in zip(before, fresh(before), strict=True):
        assert new.renditions[:2] == old.renditions
        assert names(new) == ["web", "thumbnail-200", "thumbnail-300", "thumbnail-400"]
        assert [r["height"] for r in new.renditions[2:]] == [300, 400]
        assert {storage.rendition_name(new.key, r["file"]) for r in new.renditions} <= files("renditions")
        assert (new.status, new.finished_at, new.attempt) == (old.status, old.finished_at, old.attempt)


def test_its_log_shows_the_images_as_they_are_now(alice: User) -> None:
    images = made(taken_in(alice, photo(1, 500, 450), photo(2, 500, 450)))
    job, rows = derived(alice)
    work(rows)
    frames = [event_frame(event) for event in Event.objects.after(job.id, 0)]
    assert [frame["type"] for frame in frames] == ["job.progress", "job.progress", "job.finished"]
    assert [frame["images"][0]["id"] for frame in frames[:2]] == [str(image.id) for image in images]
    assert len(frames[0]["images"][0]["renditions"]) == 4


def test_no_file_is_made_that_no_image_names(alice: User) -> None:
    images = made(taken_in(alice, photo(1, 500, 450)))
    job = derivations.submit(alice.id, [Recipe("web", 100, version=2), thumbnail(440)], [images[0].id])
    assert job is not None
    work(list(job.derivations.all()))
    [image] = fresh(images)
    here = {name for name in files("renditions") if image.key in name}
    assert here == {storage.rendition_name(image.key, r["file"]) for r in image.renditions}
    assert counted_bytes(alice) == image.size


def test_images_of_the_same_bytes_share_the_new_files(alice: User) -> None:
    images = made(taken_in(alice, photo(1, 500, 450), photo(1, 500, 450)))
    _, rows = derived(alice)
    work(rows)
    first, second = fresh(images)
    assert first.renditions == second.renditions
    assert len(first.renditions) == 4


def test_nothing_is_done_where_nothing_lacks(alice: User) -> None:
    made(taken_in(alice, photo(1, 500, 450)))
    _, rows = derived(alice)
    work(rows)
    assert derivations.lacking(alice.id, WANTED) == []
    assert derivations.submit(alice.id, WANTED, []) is None


def test_a_second_delivery_takes_nothing(alice: User) -> None:
    made(taken_in(alice, photo(1, 500, 450)))
    job, rows = derived(alice)
    assert (work(rows), work(rows)) == (1, 0)
    job.refresh_from_db()
    assert (job.completed, job.seq) == (1, 2)


def test_a_late_worker_whose_lease_ran_out_changes_nothing(alice: User) -> None:
    made(taken_in(alice, photo(1, 500, 450)))
    job, [row] = derived(alice)
    late = derivations.claim(row.id)
    assert late is not None
    Derivation.objects.update(lease_until=timezone.now() - timedelta(hours=1))
    assert work([row]) == 1
    assert derivations.settle(late, []) is False
    job.refresh_from_db()
    assert (job.completed, job.status) == (1, "completed")


def test_the_sweeper_sends_what_a_dead_worker_held_and_gives_up_after_three(alice: User) -> None:
    made(taken_in(alice, photo(1, 500, 450)))
    job, [row] = derived(alice)
    for _ in range(3):
        assert derivations.claim(row.id) is not None
        assert derivations.claim(row.id) is None, "it is leased"
        past = timezone.now() - timedelta(seconds=60)
        Derivation.objects.update(lease_until=past, sent_at=past)
        assert derivations.sweep(timedelta(seconds=5)) == 1
    job.refresh_from_db()
    row.refresh_from_db()
    assert (row.status, row.error_code) == ("failed", "worker_crashed")
    assert (job.status, job.failed) == ("failed", 1)
    assert lifecycle.retry(job) == 1
    assert work([row]) == 1
    job.refresh_from_db()
    assert (job.status, job.completed, job.failed) == ("completed", 1, 0)


def test_an_image_without_its_file_fails_alone(alice: User) -> None:
    images = made(taken_in(alice, photo(1, 500, 450), photo(2, 500, 450)))
    storage.drop_originals([images[0].key])
    job, rows = derived(alice)
    work(rows)
    job.refresh_from_db()
    assert (job.status, job.completed, job.failed) == ("partial", 1, 1)
    assert job.derivations.get(status="failed").error_code == "original_missing"
    assert [image.status for image in fresh(images)] == ["completed", "completed"]


def test_an_unfinished_image_is_waited_for(alice: User) -> None:
    pending = taken_in(alice, photo(1, 500, 450))
    [taken] = held(pending)  # where it can't be made first
    job, rows = derived(alice)
    work(rows)
    job.refresh_from_db()
    rows[0].refresh_from_db()
    assert (rows[0].status, rows[0].attempt, job.completed) == ("pending", 0, 0)
    release(taken.image.lease or 0, counted=False)
    made(pending)
    work(rows)
    [image] = fresh(pending)
    assert len(image.renditions) == 4


def test_cancelling_aborts_what_has_not_started(alice: User) -> None:
    made(taken_in(alice, photo(1, 500, 450), photo(2, 500, 450)))
    job, rows = derived(alice)
    work(rows[:1])
    assert lifecycle.cancel(job) == 1
    job.refresh_from_db()
    assert (job.status, job.completed, job.aborted) == ("aborted", 1, 1)
    assert work(rows) == 0
