"""What goes by itself, what the doctor finds, what it mends."""

from __future__ import annotations

import hashlib
import io
import os
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.management import call_command
from django.db.models import F
from django.utils import timezone

from processing.accounts.models import User
from processing.files import link_permits, storage
from processing.jobs import deletion, lifecycle
from processing.models import Event, Image, Job, Status
from processing.upkeep import orphans
from processing.worker import pipeline
from tests.cast import RECIPES, new_image, person, submitted
from tests.drawing import photo
from uploads.intake.leftovers import drop_left_uploads, drop_old_keys
from uploads.models import IdempotencyKey

pytestmark = pytest.mark.django_db

OLD = time.time() - 7 * 3600
NOW = timedelta(0)


@pytest.fixture(autouse=True)
def own_media(settings: Any, tmp_path: Path) -> Iterator[Path]:
    """A media folder of the test's own; what others left in theirs is not its business."""
    stores = {name: dict(values) for name, values in settings.STORAGES.items()}
    for name in ("originals", "renditions"):
        stores[name]["OPTIONS"] = {"location": tmp_path / name}
    settings.STORAGES = stores
    settings.INCOMING_DIR = tmp_path / "incoming"
    settings.INCOMING_DIR.mkdir()
    return tmp_path


def completed(owner: Any, count: int = 2) -> tuple[Job, list[Image]]:
    """A job whose images went through the real pipeline."""
    files = []
    for index in range(count):
        data = photo(600_000 + index, 80, 60)
        new = new_image(
            index, checksum=hashlib.sha256(data).hexdigest(), size=len(data), key=storage.new_key()
        )
        path = settings.INCOMING_DIR / new.key
        path.write_bytes(data)
        storage.put_original(new.key, path)
        files.append(new)
    job, _ = lifecycle.submit(owner.id, "batch", RECIPES, files)
    User.objects.filter(id=owner.id).update(used_bytes=F("used_bytes") + sum(file.size for file in files))
    pipeline.work()
    job.refresh_from_db()
    assert job.status == Status.COMPLETED
    return job, list(job.images.order_by("index"))


def age(path: Path) -> None:
    os.utime(path, (OLD, OLD))


def doctor(*arguments: str) -> tuple[int, str]:
    out = io.StringIO()
    try:
        call_command("doctor", "--older-than", "0", *arguments, stdout=out)
    except SystemExit as ended:
        return int(str(ended.code)), out.getvalue()
    return 0, out.getvalue()


def files_below(folder: Path) -> set[Path]:
    return {path for path in folder.rglob("*") if path.is_file()}


class TestOrphans:
    def test_files_without_a_row_go_once_they_are_old(self, own_media: Path) -> None:
        completed(person("alice"))
        whole = files_below(own_media)
        for name in (
            "originals/ab/" + "a" * 22,
            "originals/ab/.partial.1f",
            f"renditions/ab/{'b' * 22}.web.x.jpg",
            f"renditions/ab/.{'c' * 22}.web.x.jpg.2f",
        ):
            (own_media / name).parent.mkdir(parents=True, exist_ok=True)
            (own_media / name).write_bytes(b"x")
        assert orphans.drop_orphans() == 0, "they may belong to a request under way"
        for path in own_media.rglob("*"):
            age(path)
        assert orphans.drop_orphans() == 4
        assert files_below(own_media) == whole

    def test_what_a_row_names_or_a_worker_may_be_writing_stays(self, own_media: Path) -> None:
        _, images = completed(person("alice"))
        Image.objects.filter(id=images[0].id).update(status=Status.PROCESSING, renditions=[])
        for path in own_media.rglob("*"):
            age(path)
        before = files_below(own_media)
        assert orphans.drop_orphans() == 0
        assert files_below(own_media) == before

    def test_an_original_that_its_row_does_without_goes(self, own_media: Path) -> None:
        _, images = completed(person("alice"))
        Image.objects.filter(id=images[0].id).update(has_original=False)
        assert orphans.drop_orphans(NOW) == 1
        assert len(files_below(own_media / "originals")) == 1

    def test_the_ready_mark_of_the_storage_stays(self, own_media: Path) -> None:
        (own_media / "originals").mkdir()
        (own_media / "originals" / "ready").write_bytes(b"ready")
        assert orphans.drop_orphans(NOW) == 0


def test_what_a_killed_server_left_of_an_upload_goes(own_media: Path) -> None:
    young, old = own_media / "incoming" / "young", own_media / "incoming" / "old"
    young.touch()
    old.touch()
    age(old)
    assert drop_left_uploads() == 1
    assert (young.exists(), old.exists()) == (True, False)


def test_answers_are_kept_for_a_day() -> None:
    alice = person("alice")
    row = {"owner": alice, "route": "batch", "fingerprint": "", "status": 202, "answer": {}}
    IdempotencyKey.objects.create(key="old", created_at=timezone.now() - timedelta(hours=25), **row)
    IdempotencyKey.objects.create(key="young", created_at=timezone.now() - timedelta(hours=23), **row)
    assert drop_old_keys() == 1
    assert [kept.key for kept in IdempotencyKey.objects.all()] == ["young"]


def test_the_log_of_a_job_goes_when_both_are_old() -> None:
    alice = person("alice")
    finished, _ = completed(alice)
    running, _ = submitted(alice)
    long_ago = timezone.now() - settings.EVENT_RETENTION - timedelta(hours=1)
    Event.objects.create(
        job=running,
        seq=1,
        owner=alice,
        position=10**6,
        type="job.progress",
        status="processing",
        completed=0,
        failed=0,
        aborted=0,
    )
    Event.objects.all().update(created_at=long_ago)
    assert orphans.drop_old_events() == 0, "the job finished just now"
    Job.objects.filter(id=finished.id).update(finished_at=long_ago)
    assert orphans.drop_old_events() == finished.seq
    assert [event.job_id for event in Event.objects.all()] == [running.id]


class TestDoctor:
    def test_a_healthy_installation_has_nothing(self) -> None:
        completed(person("alice"))
        code, text = doctor("--deep")
        assert code == 0, text
        assert [line.split()[1] for line in text.splitlines()[-4:]] == ["0"] * 4

    def test_it_finds_a_lost_original_and_stops_to_offer_it(self, own_media: Path) -> None:
        _, images = completed(person("alice"))
        (own_media / "originals" / storage.original_name(images[0].key)).unlink()
        code, text = doctor()
        assert code == 1
        assert f"I1  image {images[0].id}: its original is missing" in text
        assert doctor("--fix")[0] == 0
        assert Image.objects.get(id=images[0].id).has_original is False
        code, text = doctor()
        assert code == 0, text

    def test_it_finds_an_original_cut_short(self, own_media: Path) -> None:
        _, images = completed(person("alice"))
        (own_media / "originals" / storage.original_name(images[0].key)).write_bytes(b"x")
        assert f"I1  image {images[0].id}: its original has 1 bytes" in doctor()[1]

    def test_only_a_deep_look_finds_bytes_that_have_turned(self, own_media: Path) -> None:
        _, images = completed(person("alice"))
        path = own_media / "originals" / storage.original_name(images[0].key)
        path.write_bytes(path.read_bytes()[:-1] + b"?")
        code, text = doctor()
        assert code == 0, text
        code, text = doctor("--deep")
        assert (code, "has other bytes than it had" in text) == (1, True)

    def test_a_lost_rendition_is_made_again_byte_by_byte(self, own_media: Path) -> None:
        _, _images = completed(person("alice"))
        [path, *_] = sorted((own_media / "renditions").rglob("*.jpg"))
        before = path.read_bytes()
        path.unlink()
        code, text = doctor()
        assert (code, "is missing" in text) == (1, True)
        code, text = doctor("--fix")
        assert (code, "(mended)" in text) == (0, True)
        assert path.read_bytes() == before

    def test_wrong_counters_are_found_and_set_right_with_an_event(self) -> None:
        job, _images = completed(person("alice"), 3)
        Job.objects.filter(id=job.id).update(completed=2, finished_at=None, status="processing")
        code, text = doctor()
        assert code == 1
        assert f"I6  job {job.id} says total 3, completed 2" in text
        assert doctor("--fix")[0] == 0
        job.refresh_from_db()
        assert (job.completed, job.status, bool(job.finished_at)) == (3, "completed", True)
        assert Event.objects.filter(job=job, type="job.finished").last().seq == job.seq

    def test_a_purged_image_is_no_wrong_counter_and_a_vanished_row_is(self) -> None:
        job, images = completed(person("alice"), 3)
        deletion.delete(images[0])
        Image.objects.filter(id=images[0].id).update(
            deleted_at=timezone.now() - settings.RETENTION - timedelta(1)
        )
        assert deletion.purge() == 1
        job.refresh_from_db()
        assert (job.total, job.completed, job.purged) == (3, 3, 1)
        code, text = doctor()
        assert code == 0, text
        images[1].delete()
        code, text = doctor("--fix")
        assert (code, "purged 1; it has 1 rows" in text) == (1, True)

    def test_orphans_and_left_uploads_are_found_and_go(self, own_media: Path) -> None:
        _, images = completed(person("alice"))
        key = images[0].key
        strays = [
            own_media / "originals" / "zz" / ("z" * 22),
            own_media / "renditions" / key[:2] / f"{key}.web.0000000000000000.jpg",
            own_media / "incoming" / "tmpabc",
        ]
        for path in strays:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"x")
        code, text = doctor()
        assert (code, text.count("I7  ")) == (1, 4)  # three files and the line of the table
        assert doctor("--fix")[0] == 0
        assert not any(path.exists() for path in strays)
        assert doctor("--deep")[0] == 0


def test_the_permit_of_a_killed_request_goes_one_that_a_row_names_stays(own_media: Path) -> None:
    _, [image, _] = completed(person("alice"))
    link_key, left = link_permits.permit(image), storage.new_key()
    assert link_key
    storage.put_private(link_permits.permit_name(left), b"{}")
    for path in (own_media / "originals" / "links").rglob("*"):
        age(path)
    assert orphans.drop_orphans() == 1
    assert link_permits.read(link_key).key == image.key
    with pytest.raises(FileNotFoundError):
        storage.open_private(link_permits.permit_name(left))
