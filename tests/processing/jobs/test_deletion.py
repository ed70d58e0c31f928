"""Deleting for good: files go with the last row that names them, and the quota comes back."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from processing.accounts.models import User
from processing.files import link_permits, storage
from processing.jobs import deletion
from processing.models import Image
from tests.cast import person, submitted
from tests.drawing import photo
from tests.keeping import counted_bytes, files, fresh, kept_bytes, made, taken_in

pytestmark = pytest.mark.django_db(transaction=True)


def deleted_long_ago(*images: Image) -> None:
    for image in images:
        deletion.delete(image)
    long_ago = timezone.now() - timedelta(days=400)
    Image.objects.filter(id__in=[image.id for image in images]).update(deleted_at=long_ago)


def own_files(image: Image) -> set[str]:
    return {storage.rendition_name(image.key, rendition["file"]) for rendition in image.renditions}


def test_purging_gives_the_bytes_back_and_leaves_no_file() -> None:
    alice = person("alice")
    one, other = made(taken_in(alice, photo(1, 60, 40), photo(2, 60, 40)))
    deleted_long_ago(one)
    assert counted_bytes(alice) == one.size + other.size, "until it is purged, it takes its place"
    assert deletion.purge() == 1
    assert counted_bytes(alice) == kept_bytes(alice) == other.size
    assert storage.original_name(one.key) not in files("originals")
    assert not own_files(one) & files("renditions")
    assert own_files(other) <= files("renditions")


def test_duplicates_cost_nothing_and_the_last_one_takes_the_file_along() -> None:
    alice = person("alice")
    first, second = made(taken_in(alice, photo(3, 60, 40), photo(3, 60, 40)))
    assert second.key == first.key
    assert counted_bytes(alice) == first.size
    deleted_long_ago(first)
    assert deletion.purge() == 1
    assert counted_bytes(alice) == kept_bytes(alice) == first.size
    assert own_files(second) <= files("renditions")
    deleted_long_ago(second)
    assert deletion.purge() == 1
    assert counted_bytes(alice) == 0
    assert not own_files(second) & files("renditions")
    assert storage.original_name(second.key) not in files("originals")


def test_a_duplicates_own_renditions_go_with_it() -> None:
    alice = person("alice", "Basic")
    first = taken_in(alice, photo(4, 600, 500))
    User.objects.filter(id=alice.id).update(plan=person("premium", "Premium").plan)
    second = taken_in(alice, photo(4, 600, 500))
    [first_made] = made(first)
    [second_made] = made(second)
    only_second = own_files(second_made) - own_files(first_made)
    assert only_second, "the plan gave it one more"
    deleted_long_ago(second_made)
    deletion.purge()
    assert not only_second & files("renditions")
    assert own_files(first_made) <= files("renditions")


def test_deleting_revokes_links_for_good() -> None:
    alice = person("alice")
    first, second = made(taken_in(alice, photo(5, 60, 40), photo(5, 60, 40)))
    one, other = link_permits.permit(first), link_permits.permit(second)
    assert one
    assert other
    assert link_permits.read(one) == link_permits.read(other), "they share the file, not the permit"
    deletion.delete(first)
    with pytest.raises(FileNotFoundError):
        link_permits.read(one)
    assert link_permits.read(other).key == second.key
    deletion.restore(first)
    with pytest.raises(FileNotFoundError):
        link_permits.read(one)
    first.refresh_from_db()
    assert link_permits.permit(first) not in (None, one)


def test_a_deleted_image_gets_no_permit_and_leaves_none_behind() -> None:
    alice = person("alice")
    [image] = made(taken_in(alice, photo(6, 60, 40)))
    deletion.delete(image)
    before = files("originals")
    assert link_permits.permit(image) is None
    assert files("originals") == before


def test_the_twin_of_a_deleted_image_is_the_first_of_its_bytes_from_there_on() -> None:
    alice = person("alice")
    first, second, third = made(taken_in(alice, *[photo(7, 60, 40)] * 3))
    deletion.delete(first)
    second, third = fresh([second, third])
    assert (second.duplicate_of_id, third.duplicate_of_id) == (None, second.id)
    assert Image.objects.twins(alice.id, [first.checksum])[first.checksum].id == second.id
    [fourth] = made(taken_in(alice, photo(7, 60, 40)))
    assert (fourth.duplicate_of_id, fourth.key) == (second.id, first.key)
    assert counted_bytes(alice) == kept_bytes(alice) == first.size


def test_one_that_waits_for_a_deleted_twin_is_finished_with_it() -> None:
    first, second = taken_in(person("alice"), *[photo(8, 60, 40)] * 2)
    deletion.delete(first)
    made([first])
    [second] = fresh([second])
    assert (second.status, second.duplicate_of_id) == ("completed", None)


def test_many_are_deleted_and_restored_in_a_few_statements(
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    alice, bob = person("alice"), person("bob")
    ids = [image.id for owner in (alice, bob) for image in submitted(owner, 550)[1]]
    with django_assert_max_num_queries(3 * 12):
        assert deletion.delete_all(ids) == len(ids)
    assert deletion.delete_all(ids) == 0
    with django_assert_max_num_queries(3 * 6):
        assert deletion.restore_all(ids) == len(ids)
    assert Image.objects.visible().count() == len(ids)
