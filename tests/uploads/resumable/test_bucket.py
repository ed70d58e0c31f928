"""Unfinished uploads in a bucket: any machine goes on with what another began, and nothing is left there."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from processing.accounts.models import User
from processing.files import storage
from processing.files.storage import StorageUnavailable
from processing.models import Image, ResumableUpload
from processing.upkeep import recount
from tests.cast import person
from tests.object_server import FaultProxy, ObjectServer, own_bucket
from tests.uploads.resumable.test_upload import PICTURE, begun, lapse, refused, taken, write
from uploads.intake.refusals import Refused
from uploads.resumable import completion, expiry, resource
from uploads.resumable.concatenation import put_together
from uploads.resumable.pieces import bucket, disk
from uploads.resumable.resource import Append, Wanted
from uploads.resumable.writing import Writer

pytestmark = pytest.mark.django_db(transaction=True)
CUTS = [0, 40, 500, 5000, len(PICTURE)]


@pytest.fixture(autouse=True)
def s3(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> Iterator[tuple[ObjectServer, FaultProxy]]:
    settings.RESUMABLE_DIR = tmp_path / "resumable"
    with own_bucket(tmp_path, monkeypatch, settings) as found:
        yield found


@pytest.fixture
def alice() -> User:
    return person("alice")


def lying() -> list[str]:
    """Of what lies in the bucket, by upload and stretch."""
    return sorted(name.partition("/")[2] for name, _, _ in storage.listed_private("resumable/"))


def assert_whole(owner: User) -> None:
    """One image of the same bytes, and nothing left of the upload, neither there nor here."""
    image = Image.objects.get(owner=owner)
    assert image.checksum == hashlib.sha256(PICTURE).hexdigest()
    with storage.open_original(image.key) as file:
        assert file.read() == PICTURE
    assert lying() == []
    assert list(disk.left()) == []
    assert not recount.miscounted(owner.id)


def test_each_request_may_come_to_another_machine(alice: User, settings: Any, tmp_path: Path) -> None:
    upload = begun(alice)
    for number, (start, end) in enumerate(pairwise(CUTS)):
        settings.RESUMABLE_DIR = tmp_path / f"machine {number}"
        write(alice, upload, start, PICTURE[start:end])
        assert list(disk.left()) == []
    assert_whole(alice)


def test_what_comes_in_one_request_goes_to_the_bucket_once(
    alice: User, s3: tuple[ObjectServer, FaultProxy]
) -> None:
    _, proxy = s3
    write(alice, begun(alice), 0, PICTURE)
    assert proxy.count == 1, "the original alone"
    assert_whole(alice)


def test_a_stretch_is_safe_before_it_is_acknowledged(alice: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bucket.Bucket, "flush_bytes", 1000)
    upload, wanted = begun(alice), Append(0, None)
    with Writer(alice, resource.take(alice, upload.id, wanted), wanted) as writer:
        for start in range(0, 3000, 600):
            writer.feed(PICTURE[start : start + 600])
        assert resource.find(alice, upload.id).offset == 2400
        assert lying() == [f"{upload.id.hex}/0.0", f"{upload.id.hex}/0.1200"]
        writer.break_off()
    write(alice, upload, 3000, PICTURE[3000:])
    assert_whole(alice)


def test_a_writer_who_comes_back_late_changes_nothing(alice: User) -> None:
    upload, wanted = begun(alice), Append(0, None)
    write(alice, upload, 0, PICTURE[:100])
    late = Writer(alice, taken(alice, upload, 100), Append(100, None)).__enter__()
    late.feed(b"x" * 1000)
    lapse(upload)
    write(alice, upload, 100, PICTURE[100:500])
    error = refused("upload_locked", late.break_off)
    late.__exit__(Refused, error, None)
    assert lying() == [f"{upload.id.hex}/0.0", f"{upload.id.hex}/1.100"]
    write(alice, upload, 500, PICTURE[500:])
    assert_whole(alice)
    assert wanted.at == 0


def test_what_a_killed_writer_put_there_untold_is_not_kept(alice: User) -> None:
    upload = begun(alice)
    write(alice, upload, 0, PICTURE[:700])
    dead = taken(alice, upload, 700)
    killed = bucket.Bucket().open(dead)
    killed.write(b"torn" * 100)
    killed.sync()
    lapse(dead)
    write(alice, upload, 700, PICTURE[700:900])
    write(alice, upload, 900, PICTURE[900:])
    killed.close()
    assert_whole(alice)


def test_nothing_is_left_after_the_end_and_after_the_expiry(alice: User) -> None:
    ended, late = begun(alice), begun(alice)
    for upload in (ended, late):
        write(alice, upload, 0, PICTURE[:500])
        write(alice, upload, 500, PICTURE[500:900])
    assert len(lying()) == 4
    resource.terminate(resource.find(alice, ended.id))
    assert {name.partition("/")[0] for name in lying()} == {late.id.hex}
    ResumableUpload.objects.filter(id=late.id).update(expires_at=timezone.now() - timedelta(seconds=1))
    assert expiry.expire() == 1
    assert lying() == []
    alice.refresh_from_db()
    assert alice.used_bytes == 0


def test_a_bucket_that_is_away_loses_nothing(alice: User, s3: tuple[ObjectServer, FaultProxy]) -> None:
    _, proxy = s3
    upload = begun(alice)
    write(alice, upload, 0, PICTURE[:500])
    proxy.fault = lambda _number, method, _path: "500" if method == "PUT" else None
    for end in (900, len(PICTURE)):
        with pytest.raises(StorageUnavailable):
            write(alice, upload, 500, PICTURE[500:end])
        assert resource.find(alice, upload.id).offset == 500
    proxy.fault = lambda *_: None
    write(alice, upload, 500, PICTURE[500:])
    assert_whole(alice)


def test_a_stretch_that_somebody_removed_ends_the_upload(alice: User) -> None:
    upload = begun(alice)
    write(alice, upload, 0, PICTURE[:500])
    write(alice, upload, 500, PICTURE[500:900])
    storage.drop_private(f"resumable/{upload.id.hex}/0.0")
    error = refused("upload_lost", completion.refuse_lost, resource.find(alice, upload.id))
    assert error.status_code == 410
    assert lying() == []
    refused("upload_lost", write, alice, upload, 900, PICTURE[900:])


def test_what_is_no_picture_is_seen_across_two_requests(alice: User) -> None:
    upload = begun(alice)
    write(alice, upload, 0, b"%PDF-1.7" + b" " * 20)
    assert refused("unsupported_format", write, alice, upload, 28, b" " * 100).status_code == 422
    assert lying() == []


def test_parts_become_one(alice: User) -> None:
    parts = []
    for start, end in pairwise(CUTS):
        part = begun(alice, end - start, concat="partial")
        write(alice, part, 0, PICTURE[start:end])
        parts.append(resource.find(alice, part.id))
    final = f"final;{' '.join(part.location for part in parts)}"
    upload = resource.create(alice, Wanted("tus", len(PICTURE), "a.jpg", {"concat": final}))
    put_together(alice, upload, parts)
    assert_whole(alice)


def test_what_nobody_names_goes_with_the_housekeeping(alice: User, tmp_path: Path) -> None:
    upload = begun(alice)
    write(alice, upload, 0, PICTURE[:500])
    for name in (f"{'0' * 32}/0.0", "stray"):
        stray = tmp_path / os.urandom(4).hex()
        stray.write_bytes(b"x")
        storage.put_private_file(f"resumable/{name}", stray)
    (disk.folder() / f"{upload.id.hex}.0.killed").write_bytes(b"x")
    assert expiry.drop_left_pieces() == 0, "they may be a moment old"
    assert expiry.drop_left_pieces(-1) == 3
    assert lying() == [f"{upload.id.hex}/0.0"]
