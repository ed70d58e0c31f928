"""Deleting images: softly at once, for good after the retention time."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from processing.accounts import quota
from processing.files import link_permits, storage
from processing.files.discards import discard
from processing.ledger import index_hues
from processing.models import UNFINISHED, Image, ImageHue, ImageQuerySet, Job
from processing.news.push import announce_removed, announce_restored

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_ROUND = 500


def delete(image: Image) -> bool:
    """Takes the image out of lists, feeds and links; False where it was already."""
    with transaction.atomic():
        changed = Image.objects.filter(id=image.id, deleted_at=None).update(deleted_at=timezone.now())
        ImageHue.objects.filter(owner=image.owner_id, image=image).delete()
        link_permits.revoke([image.id])
        if changed:
            transaction.on_commit(lambda: announce_removed(image.owner_id, [image.id]))
    return bool(changed)


def restore(image: Image) -> None:
    """Undoes `delete`, as long as the row is there; links made before stay revoked."""
    with transaction.atomic():
        image = Image.objects.select_for_update().get(id=image.id)
        image.deleted_at = None
        image.save(update_fields=["deleted_at"])
        index_hues(image.id)
        transaction.on_commit(lambda: announce_restored(image.owner_id, [image.id]))


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
