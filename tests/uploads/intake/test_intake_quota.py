"""The storage quota at the intake: what fits is taken, the rest is named, the counter equals the rows."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connection

from processing.accounts.models import Plan, User
from processing.jobs import plan_changes
from processing.models import Image, Job
from tests.cast import person
from tests.drawing import photo
from tests.keeping import counted_bytes, files, kept_bytes, received, taken_in
from uploads.intake import intake
from uploads.intake.intake import Receipt

pytestmark = pytest.mark.django_db(transaction=True)

SIZE = 20_000


def padded(seed: int) -> bytes:
    """A picture of SIZE bytes: a JPEG may be followed by anything."""
    return photo(seed, 60, 40).ljust(SIZE, b"\0")


@pytest.fixture
def alice() -> User:
    """Her plan has room for three files and a half."""
    user = person("alice", "Premium")
    Plan.objects.filter(name="Premium").update(storage_quota_bytes=SIZE * 7 // 2)
    return User.objects.select_related("plan").get(id=user.id)


def take(owner: User, *contents: bytes) -> Receipt:
    owner = User.objects.select_related("plan").get(id=owner.id)
    return intake.take_in(owner, "batch", [received(data) for data in contents])


def test_of_a_batch_what_fits_is_taken_and_the_rest_named(alice: User) -> None:
    receipt = take(alice, *(padded(seed) for seed in range(5)), b"no picture")
    assert [image.index for image in receipt.images] == [0, 1, 2]
    assert [(item["index"], item["code"]) for item in receipt.rejected] == [
        (3, "quota_exceeded"),
        (4, "quota_exceeded"),
        (5, "unsupported_format"),
    ]
    over = receipt.rejected[0]
    assert (over["limit"], over["actual"], over["plan"]) == (SIZE * 7 // 2, SIZE, "Premium")
    assert counted_bytes(alice) == kept_bytes(alice) == 3 * SIZE
    assert len(files("originals") & {f"{image.key[:2]}/{image.key}" for image in receipt.images}) == 3


def test_what_is_refused_leaves_no_file(alice: User) -> None:
    take(alice, *(padded(seed) for seed in range(3)))
    before = files("originals")
    receipt = take(alice, padded(10), padded(11))
    assert receipt.job is None
    assert files("originals") == before
    assert counted_bytes(alice) == kept_bytes(alice) == 3 * SIZE
    assert Job.objects.count() == 1


def test_a_small_file_still_fits_behind_a_large_one(alice: User) -> None:
    take(alice, *(padded(seed) for seed in range(3)))
    small = photo(50, 30, 20)
    receipt = take(alice, padded(10), small, small)
    assert [image.index for image in receipt.images] == [1, 2], "the second is a duplicate, and costs nothing"
    assert counted_bytes(alice) == kept_bytes(alice) == 3 * SIZE + len(small)


def test_a_full_account_still_takes_what_it_has(alice: User) -> None:
    take(alice, *(padded(seed) for seed in range(3)))
    receipt = take(alice, padded(0), padded(99), padded(1))
    assert [image.index for image in receipt.images] == [0, 2]
    assert counted_bytes(alice) == kept_bytes(alice) == 3 * SIZE


def test_an_account_over_a_lowered_quota_takes_nothing_new(alice: User) -> None:
    take(alice, *(padded(seed) for seed in range(3)))
    Plan.objects.filter(name="Premium").update(storage_quota_bytes=SIZE)
    receipt = take(alice, photo(60, 30, 20), padded(0))
    assert [image.index for image in receipt.images] == [1]
    assert counted_bytes(alice) == kept_bytes(alice) == 3 * SIZE


def test_the_same_files_sent_at_once_are_stored_and_counted_once(alice: User) -> None:
    contents = [padded(seed) for seed in range(3)]

    def send(_: int) -> list[str]:
        try:
            return [image.key for image in take(alice, *contents).images]
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        keys = list(pool.map(send, range(16)))
    assert {len(each) for each in keys} == {3}
    assert len({key for each in keys for key in each}) == 3
    assert counted_bytes(alice) == kept_bytes(alice) == 3 * SIZE
    assert Image.objects.filter(duplicate_of=None).count() == 3


def test_a_failure_while_the_rows_are_written_counts_nothing(alice: User) -> None:
    def fail(_: Receipt) -> Any:
        raise RuntimeError("the server was killed here")

    before = files("originals")
    with pytest.raises(RuntimeError):
        intake.take_in(alice, "batch", [received(padded(1))], inside=fail)
    assert counted_bytes(alice) == 0
    assert files("originals") == before


def test_an_upload_sees_the_plan_as_it_is_when_its_rows_are_written() -> None:
    alice = person("alice", "Basic")
    as_the_request_began = User.objects.select_related("plan").get(id=alice.id)
    User.objects.filter(id=alice.id).update(plan=Plan.objects.get(name="Premium"))
    [image] = intake.take_in(as_the_request_began, "batch", [received(padded(1))]).images
    assert image.keeps_original
    assert [recipe["name"] for recipe in image.job.recipes] == ["web", "thumbnail-200", "thumbnail-400"]


def test_a_plan_change_is_worked_off_once(alice: User) -> None:
    plan_changes.work_off()
    assert plan_changes.work_off() == 0
    taken_in(alice, padded(1))
    with_more = Plan.objects.get(name="Premium")
    with_more.thumbnail_heights = [200, 300, 400]
    with_more.save()
    plan_changes.mark_plan(with_more)
    assert plan_changes.work_off() == 1
    job = Job.objects.get(kind="derive")
    assert (job.total, job.owner_id) == (1, alice.id)
    assert plan_changes.work_off() == 0
