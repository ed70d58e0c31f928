"""Images reach their state through the ledger: counted once, told once, whoever races or comes late."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from processing.jobs import lifecycle
from processing.ledger import EVENT_IMAGES, Outcome, settle
from processing.models import Event, Image, ImageHue, Job, Status
from processing.news.representations import event_frame
from tests.cast import RECIPES, held, new_image, person, submitted

pytestmark = pytest.mark.django_db


def completed(image: Image, **values: Any) -> Outcome:
    return Outcome(image.id, image.lease or 0, Status.COMPLETED, **values)


def failed(image: Image, code: str = "truncated") -> Outcome:
    return Outcome(image.id, image.lease or 0, Status.FAILED, error_code=code, error_detail="It ends early.")


def claimed(images: list[Image]) -> list[Image]:
    return [held.image for held in held(images)]


def test_the_last_image_finishes_the_job_and_tells_it_once() -> None:
    job, images = submitted(person("alice"), 3)
    held = claimed(images)
    settle([completed(held[0]), failed(held[1])])
    job.refresh_from_db()
    assert (job.status, job.completed, job.failed, job.finished_at) == ("processing", 1, 1, None)
    settle([completed(held[2])])
    job.refresh_from_db()
    assert (job.status, job.completed, job.failed) == ("partial", 2, 1)
    assert job.finished_at is not None
    types = list(job.events.order_by("seq").values_list("seq", "type"))
    assert types == [(1, "job.progress"), (2, "job.progress"), (3, "job.finished")]
    assert job.seq == 3


@pytest.mark.parametrize(
    ("statuses", "expected"),
    [
        ([Status.COMPLETED] * 2, "completed"),
        ([Status.COMPLETED, Status.FAILED], "partial"),
        ([Status.FAILED] * 2, "failed"),
        ([Status.COMPLETED, Status.ABORTED], "aborted"),
    ],
)
def test_the_jobs_status_follows_from_its_images(statuses: list[Status], expected: str) -> None:
    job, images = submitted(person("alice"), len(statuses))
    settle([Outcome(i.id, i.lease or 0, s) for i, s in zip(claimed(images), statuses, strict=True)])
    assert Job.objects.get(id=job.id).status == expected


def test_a_worker_that_comes_late_changes_nothing() -> None:
    job, images = submitted(person("alice"), 1)
    held = claimed(images)[0]
    Image.objects.update(lease=0)  # another took it over
    assert settle([completed(held)]) == []
    job.refresh_from_db()
    assert (job.completed, job.seq) == (0, 0)


def test_the_same_outcome_twice_counts_once() -> None:
    job, images = submitted(person("alice"), 2)
    held = claimed(images)
    settle([completed(held[0])])
    assert settle([completed(held[0])]) == []
    job.refresh_from_db()
    assert (job.completed, job.seq) == (1, 1)


def test_an_event_carries_the_job_as_it_was_and_the_images_that_changed() -> None:
    job, images = submitted(person("alice"), 2)
    held = claimed(images)
    settle([completed(held[0])])
    settle([failed(held[1])])
    first, second, last = (event_frame(event) for event in Event.objects.after(job.id, 0))
    assert (first["type"], first["seq"], first["job"]["completed"]) == ("job.progress", 1, 1)
    assert first["job"]["finished_at"] is None
    assert [image["status"] for image in first["images"]] == ["completed"]
    assert second["images"][0]["error"] == {"code": "truncated", "detail": "It ends early."}
    assert (last["type"], last["seq"], last["job"]["status"]) == ("job.finished", 3, "partial")
    assert "images" not in last


def test_an_event_carries_no_more_images_than_a_frame_can() -> None:
    job, images = submitted(person("alice"), EVENT_IMAGES + 1)
    settle([completed(image) for image in claimed(images)])
    sizes = [len(json.loads(event.images)) for event in Event.objects.after(job.id, 0)]
    assert sizes == [EVENT_IMAGES, 1, 0]


def test_hues_of_completed_images_are_indexed_greys_are_not() -> None:
    alice = person("alice")
    _, images = submitted(alice, 2)
    one, two = claimed(images)
    colors = [{"hex": "#ff0000", "hue": 0, "share": 0.5}, {"hex": "#888888", "hue": None, "share": 0.5}]
    settle([completed(one, colors=colors), Outcome(two.id, two.lease or 0, Status.FAILED, colors=colors)])
    assert list(ImageHue.objects.values_list("owner_id", "hue", "image_id")) == [(alice.id, 0, one.id)]


def test_twins_are_finished_with_the_image_whose_bytes_they_share() -> None:
    alice = person("alice")
    _, images = submitted(alice, 1)
    other_job, twins = submitted(alice, 1)
    assert twins[0].duplicate_of_id == images[0].id
    renditions = [
        {"name": "web", "width": 1, "height": 1, "size": 1, "content_type": "image/jpeg"}
        | {"file": "web.0.jpg", "version": 1, "animated": False, "focal": None}
    ]
    changed = settle([completed(claimed(images)[0], renditions=renditions)])
    assert {image.id for image in changed} == {images[0].id, twins[0].id}
    twin = Image.objects.get(id=twins[0].id)
    assert (twin.status, twin.renditions) == ("completed", renditions)
    assert Job.objects.get(id=other_job.id).status == "completed"
    assert [event.type for event in Event.objects.after(other_job.id, 0)] == ["job.progress", "job.finished"]


def test_the_same_file_twice_in_a_batch_is_two_rows_and_one_content() -> None:
    files = [new_image(0, checksum="a" * 64), new_image(1, checksum="a" * 64)]
    _, images = lifecycle.submit(person("alice").id, "batch", RECIPES, files)
    assert images[1].duplicate_of_id == images[0].id
    assert images[1].key == images[0].key


def test_strangers_with_the_same_bytes_share_nothing() -> None:
    _, [hers] = submitted(person("alice"), 1)
    _, [his] = submitted(person("charlie"), 1)
    assert his.duplicate_of_id is None
    assert hers.checksum == his.checksum
    assert hers.owner_id != his.owner_id


def test_it_takes_two_statements_however_many_images() -> None:
    _, images = submitted(person("alice"), 60)
    held = claimed(images)
    colors = [{"hex": "#ff0000", "hue": 0, "share": 1.0}]
    with CaptureQueriesContext(connection) as queries:
        settle([completed(image, colors=colors) for image in held])
    statements = [q["sql"] for q in queries if "SAVEPOINT" not in q["sql"]]
    assert len(statements) == 2


def test_the_database_itself_refuses_counters_that_do_not_add_up() -> None:
    job, _ = submitted(person("alice"), 1)
    with pytest.raises(IntegrityError), transaction.atomic():
        Job.objects.filter(id=job.id).update(completed=2)
    with pytest.raises(IntegrityError), transaction.atomic():
        Job.objects.filter(id=job.id).update(completed=1)  # all counted, not finished


@pytest.mark.django_db(transaction=True)
def test_workers_that_race_finish_the_job_exactly_once() -> None:
    job, images = submitted(person("alice"), 24)
    held = claimed(images)

    def work(image: Image) -> None:
        settle([completed(image)])
        connection.close()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, held))
    job.refresh_from_db()
    assert (job.completed, job.seq) == (24, 25)
    assert list(job.events.order_by("seq").values_list("seq", flat=True)) == list(range(1, 26))
    assert job.events.filter(type="job.finished").count() == 1
