"""One upload under its writers: leases, files, hashes, ends."""

from __future__ import annotations

import hashlib
import os
import random
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.utils import timezone

from processing.accounts.models import User
from processing.jobs import batches
from processing.models import Image, Job, ResumableUpload
from processing.upkeep import doctor, recount
from tests.cast import person
from tests.drawing import photo
from uploads.intake.refusals import Refused
from uploads.resumable import expiry, resource
from uploads.resumable.pieces import disk
from uploads.resumable.resource import AlreadyWhole, Append, Wanted
from uploads.resumable.running_hash import resume
from uploads.resumable.writing import Writer

pytestmark = pytest.mark.django_db(transaction=True)
PICTURE = photo(77, 320, 240)


@pytest.fixture(autouse=True)
def own_folders(settings: Any, tmp_path: Path) -> None:
    settings.RESUMABLE_DIR = tmp_path / "resumable"


@pytest.fixture
def alice() -> User:
    return person("alice")


def begun(owner: User, length: int | None = len(PICTURE), **more: Any) -> ResumableUpload:
    return resource.create(owner, Wanted("tus", length, "a.jpg", more))


def taken(owner: User, upload: ResumableUpload, at: int, **more: Any) -> ResumableUpload:
    return resource.take(owner, upload.id, Append(at, None, **more))


def write(owner: User, upload: ResumableUpload, at: int, data: bytes) -> None:
    wanted = Append(at, len(data))
    with Writer(owner, resource.take(owner, upload.id, wanted), wanted) as writer:
        writer.feed(data)
        writer.finish()


def lapse(upload: ResumableUpload) -> None:
    """As if its writer was killed, and its lease over."""
    ResumableUpload.objects.filter(id=upload.id).update(writer_until=timezone.now() - timedelta(seconds=1))


def refused(code: str, work: Any, *args: Any, **kwargs: Any) -> Refused:
    with pytest.raises(Refused) as caught:
        work(*args, **kwargs)
    assert caught.value.code == code
    return caught.value


@pytest.mark.parametrize("cut", [0, 1, 63, 64, 65, 1000, 4096])
def test_a_hash_put_aside_goes_on_as_one_that_was_not(cut: int) -> None:
    text = random.Random(cut).randbytes(5000)
    first = resume(b"", 0)
    assert first is not None, "libcrypto is there where the tests run"
    first.update(text[:cut])
    second = resume(first.state(), cut)
    assert second is not None
    second.update(text[cut:])
    assert second.hexdigest() == hashlib.sha256(text).hexdigest() == second.hexdigest()


def test_a_state_that_does_not_fit_its_offset_is_none() -> None:
    assert resume(b"", 10) is None
    assert resume(b"x" * 40, 10) is None


def test_while_one_writes_the_next_is_locked_out_until_the_lease_is_over(alice: User) -> None:
    upload = begun(alice)
    taken(alice, upload, 0)
    assert refused("upload_locked", taken, alice, upload, 0).status_code == 423
    lapse(upload)
    assert taken(alice, upload, 0).generation == 1


def test_a_writer_who_comes_back_late_changes_nothing(alice: User) -> None:
    upload, wanted = begun(alice), Append(0, None)
    with Writer(alice, resource.take(alice, upload.id, wanted), wanted) as late:
        late.feed(PICTURE[:1000])
        lapse(upload)
        write(alice, upload, 0, PICTURE[:500])
        late.feed(b"x" * 1000)
        refused("upload_locked", late.finish)
    write(alice, upload, 500, PICTURE[500:])
    image = Image.objects.get(owner=alice)
    assert image.checksum == hashlib.sha256(PICTURE).hexdigest()


def test_a_late_writer_that_is_refused_takes_nothing_away_from_the_next(alice: User) -> None:
    upload, wanted = begun(alice), Append(0, None)
    late = Writer(alice, resource.take(alice, upload.id, wanted), wanted).__enter__()
    lapse(upload)
    write(alice, upload, 0, PICTURE[:500])
    error = refused("upload_locked", late.feed, b"%PDF-1.7" + b" " * 100)
    late.__exit__(Refused, error, None)
    write(alice, upload, 500, PICTURE[500:])
    assert Image.objects.get(owner=alice).checksum == hashlib.sha256(PICTURE).hexdigest()


def test_bytes_removed_while_they_are_written_are_not_acknowledged(alice: User) -> None:
    upload, wanted = begun(alice), Append(0, None)
    writer = Writer(alice, resource.take(alice, upload.id, wanted), wanted).__enter__()
    writer.feed(PICTURE[:1000])
    disk.path_of(upload.id, 0).unlink()
    error = refused("upload_lost", writer.break_off)
    writer.__exit__(Refused, error, None)
    row = ResumableUpload.objects.get(id=upload.id)
    assert (row.state, row.offset, row.refusal["code"]) == ("refused", 0, "upload_lost")
    assert not recount.miscounted(alice.id)


def test_what_a_killed_writer_left_behind_its_offset_is_not_kept(alice: User) -> None:
    upload = begun(alice)
    write(alice, upload, 0, PICTURE[:700])
    dead = taken(alice, upload, 700)
    with disk.path_of(upload.id, 0).open("ab") as file:
        file.write(b"torn")
    lapse(dead)
    write(alice, upload, 700, PICTURE[700:])
    assert Image.objects.get(owner=alice).checksum == hashlib.sha256(PICTURE).hexdigest()
    assert not list(disk.left())


def test_one_that_breaks_off_keeps_what_came(alice: User) -> None:
    upload, wanted = begun(alice), Append(0, len(PICTURE))
    with Writer(alice, resource.take(alice, upload.id, wanted), wanted) as writer:
        writer.feed(PICTURE[:900])
        writer.break_off()
    assert resource.find(alice, upload.id).offset == 900
    write(alice, upload, 900, PICTURE[900:])
    assert Image.objects.filter(owner=alice).count() == 1


def test_the_hash_is_right_also_where_no_state_was_kept(alice: User) -> None:
    upload = begun(alice)
    write(alice, upload, 0, PICTURE[:900])
    ResumableUpload.objects.filter(id=upload.id).update(sha256=b"")
    write(alice, upload, 900, PICTURE[900:])
    assert Image.objects.get(owner=alice).checksum == hashlib.sha256(PICTURE).hexdigest()


def test_a_whole_upload_is_one_image_and_counts_once(alice: User) -> None:
    upload = begun(alice)
    write(alice, upload, 0, PICTURE[:900])
    write(alice, upload, 900, PICTURE[900:])
    row = resource.find(alice, upload.id)
    assert (row.state, row.offset) == ("completed", len(PICTURE))
    job = Job.objects.get(id=row.job_id)
    assert (job.kind, job.total) == ("resumable", 1)
    assert row.image_id == job.images.get().id
    alice.refresh_from_db()
    assert alice.used_bytes == len(PICTURE)
    assert not recount.miscounted(alice.id)
    with pytest.raises(AlreadyWhole):
        taken(alice, upload, len(PICTURE))


def test_an_intake_that_fails_leaves_the_upload_as_it_was(
    alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload = begun(alice)
    write(alice, upload, 0, PICTURE[:900])

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "link", full)
        with pytest.raises(OSError, match="No space"):
            write(alice, upload, 900, PICTURE[900:])
    assert resource.find(alice, upload.id).offset == 900
    assert not recount.miscounted(alice.id)
    write(alice, upload, 900, PICTURE[900:])
    assert Image.objects.filter(owner=alice).count() == 1


def test_a_quota_reached_midway_refuses_and_keeps_what_is_safe(alice: User) -> None:
    upload = begun(alice)
    write(alice, upload, 0, PICTURE[:900])
    alice.plan.storage_quota_bytes = 1000
    alice.plan.save()
    error = refused("quota_exceeded", write, alice, upload, 900, PICTURE[900:2000])
    assert (error.status_code, error.members["limit"]) == (413, 1000)
    assert resource.find(alice, upload.id).offset == 900
    assert not recount.miscounted(alice.id)
    assert disk.path_of(upload.id, 0).stat().st_size == 900


def test_a_plan_that_became_smaller_refuses_the_rest(alice: User) -> None:
    upload = begun(alice)
    alice.plan.max_file_bytes = 1000
    alice.plan.save()
    assert refused("file_too_large", write, alice, upload, 0, PICTURE).status_code == 413
    assert resource.find(alice, upload.id).offset == 0


def test_a_quota_too_small_is_told_at_creation(alice: User) -> None:
    alice.plan.storage_quota_bytes = 1000
    error = refused("quota_exceeded", begun, alice)
    assert (error.members["limit"], error.members["actual"]) == (1000, len(PICTURE))


def test_too_many_at_once_are_refused(alice: User, settings: Any) -> None:
    settings.OPEN_UPLOADS = 2
    first, _ = begun(alice), begun(alice)
    assert refused("too_many_uploads", begun, alice).status_code == 429
    resource.terminate(first)
    begun(alice)


def test_expired_uploads_are_gone_with_their_bytes(alice: User) -> None:
    late, other = begun(alice), begun(alice)
    write(alice, late, 0, PICTURE[:500])
    write(alice, other, 0, PICTURE[:300])
    ResumableUpload.objects.filter(id=late.id).update(expires_at=timezone.now())
    assert refused("upload_expired", resource.find, alice, late.id).status_code == 410
    assert expiry.expire() == 1
    assert refused("upload_expired", taken, alice, late, 500).status_code == 410
    assert {name for name, _ in disk.left()} == {other.id.hex}
    alice.refresh_from_db()
    assert alice.used_bytes == 300


def test_how_long_an_upload_may_take_is_the_plans(alice: User) -> None:
    alice.plan.upload_hours = 2
    left = begun(alice).expires_at - timezone.now()
    assert timedelta(hours=2) - timedelta(minutes=1) < left <= timedelta(hours=2)


def test_rows_of_ended_uploads_are_forgotten_after_a_week(alice: User) -> None:
    ended, kept = begun(alice), begun(alice)
    resource.terminate(ended)
    week = timezone.now() - expiry.KEPT - timedelta(minutes=1)
    ResumableUpload.objects.update(updated_at=week)
    assert expiry.forget() == 1
    assert list(ResumableUpload.objects.all()) == [kept]


def test_files_without_an_open_upload_are_removed(alice: User) -> None:
    upload = begun(alice)
    write(alice, upload, 0, PICTURE[:500])
    lapse(taken(alice, upload, 500))
    write(alice, upload, 500, PICTURE[500:600])
    for name in (f"{'0' * 32}.0", f"{upload.id.hex}.0.copy", "stray"):
        (settings.RESUMABLE_DIR / name).write_bytes(b"x")
    assert expiry.drop_left_pieces() == 0, "they may be a moment old"
    assert expiry.drop_left_pieces(-1) == 3
    write(alice, upload, 600, PICTURE[600:])
    assert Image.objects.filter(owner=alice).count() == 1


def test_another_account_finds_nothing(alice: User) -> None:
    upload, charlie = begun(alice), person("charlie")
    assert refused("not_found", resource.find, charlie, upload.id).status_code == 404
    assert refused("not_found", taken, charlie, upload, 0).status_code == 404


def test_a_batch_left_open_is_closed_after_its_time(alice: User) -> None:
    job, other = (
        batches.begin(alice.id, alice.plan.recipes(), lifetime=timedelta(hours=1)) for _ in range(2)
    )
    Job.objects.filter(id=job.id).update(open_until=timezone.now() - timedelta(seconds=1))
    assert batches.close_left_open() == 1
    job.refresh_from_db()
    assert job.finished_at
    assert (job.total, job.seq) == (0, 2)
    other.refresh_from_db()
    assert other.finished_at is None
    assert not list(doctor.miscounted_jobs())
