"""Deleting images: softly at once, for good after the retention time."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import connection, transaction
from django.db.models import F
from django.utils import timezone

from processing.accounts import quota
from processing.files import link_permits, storage
from processing.files.discards import discard
from processing.ledger import index_colors
from processing.models import UNFINISHED, Image, ImageQuerySet, Job
from processing.news.push import announce_removed, announce_restored
from processing.webhooks.events import IMAGE_DELETED, IMAGE_RESTORED
from processing.webhooks.outbox import images_moved

if TYPE_CHECKING:
    import uuid
    from collections.abc import Callable, Iterator, Mapping, Sequence

_ROUND = 500


_OUT_OF_THE_FEED = """
WITH hues AS (DELETE FROM processing_imagehue WHERE image_id = ANY(%s::uuid[]))
DELETE FROM processing_imagecell WHERE image_id = ANY(%s::uuid[])
"""
# The first of several images of the same bytes is the one the others name: one that is deleted hands that on.
_HAND_ON = """
WITH heir AS (
    SELECT DISTINCT ON (duplicate_of_id) duplicate_of_id AS gone, id FROM processing_image
    WHERE duplicate_of_id = ANY(%s::uuid[]) AND deleted_at IS NULL ORDER BY duplicate_of_id, id
)
UPDATE processing_image i SET duplicate_of_id = NULLIF(heir.id, i.id)
FROM heir WHERE i.duplicate_of_id = heir.gone
"""


def delete(image: Image) -> bool:
    """Takes the image out of lists, feeds and links; False where it was already."""
    return bool(delete_all([image.id]))


def delete_all(image_ids: Sequence[uuid.UUID]) -> int:
    """The same for many, some hundred in a transaction; returns how many were not deleted before."""
    return sum(_delete(some) for some in _rounds(image_ids))


def restore(image: Image) -> None:
    """Undoes `delete`, as long as the row is there; links made before stay revoked."""
    restore_all([image.id])


def restore_all(image_ids: Sequence[uuid.UUID]) -> int:
    """The same for many, some hundred in a transaction; returns how many there still were."""
    return sum(_restore(some) for some in _rounds(image_ids))


def _rounds(image_ids: Sequence[uuid.UUID]) -> Iterator[Sequence[uuid.UUID]]:
    for start in range(0, len(image_ids), _ROUND):
        yield image_ids[start : start + _ROUND]


def _delete(image_ids: Sequence[uuid.UUID]) -> int:
    with transaction.atomic():
        gone = _locked(image_ids).filter(deleted_at=None)
        by_owner = _by_owner(gone)
        ids = [image_id for some in by_owner.values() for image_id in some]
        Image.objects.filter(id__in=ids).update(deleted_at=timezone.now())
        with connection.cursor() as cursor:
            cursor.execute(_HAND_ON, [list(map(str, ids))])
            cursor.execute(_OUT_OF_THE_FEED, [list(map(str, image_ids))] * 2)
        link_permits.revoke(image_ids)
        images_moved(IMAGE_DELETED, ids, by_owner)
        transaction.on_commit(lambda: _announce(announce_removed, by_owner))
    return len(ids)


def _restore(image_ids: Sequence[uuid.UUID]) -> int:
    with transaction.atomic():
        by_owner = _by_owner(_locked(image_ids))
        ids = [image_id for some in by_owner.values() for image_id in some]
        Image.objects.filter(id__in=ids).update(deleted_at=None)
        index_colors(ids)
        images_moved(IMAGE_RESTORED, ids, by_owner)
        transaction.on_commit(lambda: _announce(announce_restored, by_owner))
    return len(ids)


def _locked(image_ids: Sequence[uuid.UUID]) -> ImageQuerySet:
    images: ImageQuerySet = Image.objects.select_for_update(no_key=True).filter(id__in=image_ids)
    return images.order_by("id")


def _by_owner(images: ImageQuerySet) -> dict[int, list[uuid.UUID]]:
    found: dict[int, list[uuid.UUID]] = {}
    for image_id, owner_id in images.values_list("id", "owner_id"):
        found.setdefault(owner_id, []).append(image_id)
    return found


def _announce(
    tell: Callable[[int, Sequence[uuid.UUID]], None], by_owner: Mapping[int, Sequence[uuid.UUID]]
) -> None:
    for owner_id, image_ids in by_owner.items():
        tell(owner_id, image_ids)


def hasten(images: ImageQuerySet) -> int:
    """Ends the time in which these deleted images can be restored; `purge` takes them. Returns how many."""
    over = timezone.now() - settings.RETENTION - timedelta(seconds=1)
    return images.exclude(deleted_at=None).update(deleted_at=over)


def purge() -> int:
    """Removes rows and files of images deleted longer ago than the retention time; returns how many."""
    owners = _purgeable().order_by().values_list("owner_id", flat=True).distinct()
    return sum(_purge_account(owner_id) for owner_id in list(owners))


def _purgeable() -> ImageQuerySet:
    images: ImageQuerySet = Image.objects.filter(deleted_at__lt=timezone.now() - settings.RETENTION)
    return images.exclude(status__in=UNFINISHED).exclude(derivations__status__in=UNFINISHED)


def _purge_account(owner_id: int) -> int:
    count = 0
    while True:
        with transaction.atomic():
            # An upload of the same bytes waits here, or is seen below.
            quota.hold(owner_id)
            due = _purgeable().of(owner_id).order_by("deleted_at")[:_ROUND]
            images = list(due.select_for_update(skip_locked=True, of=("self",)))
            Image.objects.filter(id__in=[image.id for image in images]).delete()
            _count_purged(images)
            _discard_files(owner_id, images)
        count += len(images)
        if len(images) < _ROUND:
            return count


def _count_purged(images: Sequence[Image]) -> None:
    """Keeps a job's counters checkable: rows that are there + rows purged = its total."""
    for job_id, count in sorted(Counter(image.job_id for image in images).items()):
        Job.objects.filter(id=job_id).update(purged=F("purged") + count)


def _discard_files(owner_id: int, images: Sequence[Image]) -> None:
    """A file goes with the last row that names it: duplicates share their first one's."""
    keys = {image.key: image for image in images}
    left: dict[str, set[str]] = {}
    for key, renditions in Image.objects.filter(key__in=keys).values_list("key", "renditions"):
        left.setdefault(key, set()).update(rendition["file"] for rendition in renditions)
    discard(
        ("renditions", storage.rendition_name(image.key, file))
        for image in images
        for file in _files(image)
        if file not in left.get(image.key, ())
    )
    gone = [image for key, image in keys.items() if key not in left]
    discard(("originals", storage.original_name(image.key)) for image in gone)
    quota.give_back(owner_id, sum(image.size for image in gone if image.has_original))


def _files(image: Image) -> Iterator[str]:
    return (rendition["file"] for rendition in image.renditions)
