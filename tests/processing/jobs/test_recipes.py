"""Made anew: another version or another focal point replaces a rendition, the new file first."""

from __future__ import annotations

from dataclasses import replace

import pytest

from processing.accounts.models import User
from processing.files import storage
from processing.imaging.recipes import WEB, Recipe
from processing.jobs import derivations
from processing.models import Image, Job
from processing.worker import derive as deriving
from tests.cast import person
from tests.drawing import photo
from tests.keeping import files, fresh, made, taken_in

pytestmark = pytest.mark.django_db(transaction=True)

SQUARE = Recipe("square", 90, 90, fit="cover")


@pytest.fixture
def alice() -> User:
    return person("alice", "Premium")


def derived(owner: User, *recipes: Recipe, only: list[Image] | None = None) -> Job | None:
    ids = [image.id for image in only] if only else derivations.lacking(owner.id, recipes)
    job = derivations.submit(owner.id, recipes, ids)
    if job:
        deriving.process(list(job.derivations.values_list("id", flat=True)))
        job.refresh_from_db()
    return job


def file_of(image: Image, name: str) -> str:
    (found,) = [rendition for rendition in image.renditions if rendition["name"] == name]
    return str(found["file"])


def here(image: Image) -> set[str]:
    return {name for name in files("renditions") if image.key in name}


def named(image: Image) -> set[str]:
    return {storage.rendition_name(image.key, rendition["file"]) for rendition in image.renditions}


def test_a_new_version_takes_the_place_of_the_old_one_and_its_file_goes(alice: User) -> None:
    images = made(taken_in(alice, photo(1, 500, 450)))
    before = file_of(images[0], "web")
    job = derived(alice, replace(WEB, width=200, version=2))
    assert job is not None
    assert (job.status, job.total) == ("completed", 1)
    [image] = fresh(images)
    assert [rendition["name"] for rendition in image.renditions] == ["web", "thumbnail-200", "thumbnail-400"]
    assert (image.renditions[0]["version"], image.renditions[0]["width"]) == (2, 200)
    assert file_of(image, "web") != before
    assert here(image) == named(image)
    assert derived(alice, replace(WEB, width=200, version=2)) is None, "nothing lacks any more"


def test_the_old_file_stays_while_another_image_of_the_same_bytes_names_it(alice: User) -> None:
    first, second = made(taken_in(alice, photo(1, 500, 450), photo(1, 500, 450)))
    newer = replace(WEB, width=200, version=2)
    derived(alice, newer, only=[first])
    first, second = fresh([first, second])
    assert file_of(first, "web") != file_of(second, "web")
    assert here(first) == named(first) | named(second)
    derived(alice, newer, only=[second])
    first, second = fresh([first, second])
    assert first.renditions == second.renditions
    assert here(first) == named(first)


def test_a_new_focal_point_makes_crops_anew_and_nothing_else(alice: User) -> None:
    images = made(taken_in(alice, photo(1, 500, 300)))
    derived(alice, SQUARE)
    before = fresh(images)[0]
    Image.objects.filter(id=before.id).update(focal_x=0.0, focal_y=0.5)
    derived(alice, WEB, SQUARE, only=[before])
    [after] = fresh(images)
    assert file_of(after, "square") != file_of(before, "square")
    assert file_of(after, "web") == file_of(before, "web")
    assert here(after) == named(after)


def test_what_was_overtaken_while_it_was_made_is_dropped(alice: User) -> None:
    images = made(taken_in(alice, photo(1, 500, 300)))
    job = derivations.submit(alice.id, [SQUARE], [images[0].id])
    assert job is not None
    work = derivations.claim(job.derivations.get().id)
    assert work is not None
    Image.objects.filter(id=images[0].id).update(focal_x=0.0, focal_y=0.5)
    storage.put_rendition(images[0].key, "square.0123456789abcdef.jpg", b"late")
    late = {"name": "square", "version": 1, "focal": None, "file": "square.0123456789abcdef.jpg"}
    assert derivations.settle(work, [late])
    [image] = fresh(images)
    assert "square" not in [rendition["name"] for rendition in image.renditions]
    assert here(image) == named(image)


def test_nothing_to_make_is_a_job_that_is_finished_at_once(alice: User) -> None:
    job = derivations.nothing(alice.id, [SQUARE])
    job.refresh_from_db()
    assert (job.status, job.total, job.finished_at is not None) == ("completed", 0, True)
    assert [event.type for event in job.events.order_by("seq")] == ["job.progress", "job.finished"]
