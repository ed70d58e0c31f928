"""Deleting images: softly at once, for good after the retention time."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from processing import storage
from processing.announce import announce_removed
from processing.ledger import index_hues
from processing.models import UNFINISHED, Image, ImageHue, Job

if TYPE_CHECKING:
    from collections.abc import Sequence

_ROUND = 500


def delete(image: Image) -> bool:
    """Takes the image out of lists, feeds and links; False where it was already."""
    with transaction.atomic():
        changed = Image.objects.filter(id=image.id, deleted_at=None).update(deleted_at=timezone.now())
        ImageHue.objects.filter(owner=image.owner_id, image=image).delete()
        if changed:
            transaction.on_commit(lambda: announce_removed(image.owner_id, [image.id]))
    return bool(changed)


def restore(image: Image) -> None:
    """Undoes `delete`, as long as the row is there."""
    with transaction.atomic():
        image = Image.objects.select_for_update().get(id=image.id)
        image.deleted_at = None
        image.save(update_fields=["deleted_at"])
        index_hues([image])


def purge() -> int:
    """Removes rows and files of images deleted longer ago than the retention time; returns how many."""
    old = timezone.now() - settings.RETENTION
    count = 0
    while True:
        with transaction.atomic():
            images = list(
                Image.objects.select_for_update(skip_locked=True)
                .filter(deleted_at__lt=old)
                .exclude(status__in=UNFINISHED)
                .order_by("deleted_at")[:_ROUND]
            )
            Image.objects.filter(id__in=[image.id for image in images]).delete()
            _count_purged(images)
        _drop_files(images)
        count += len(images)
        if len(images) < _ROUND:
            return count


def _count_purged(images: Sequence[Image]) -> None:
    """Keeps a job's counters checkable: rows that are there + rows purged = its total."""
    for job_id, count in sorted(Counter(image.job_id for image in images).items()):
        Job.objects.filter(id=job_id).update(purged=F("purged") + count)


def _drop_files(images: Sequence[Image]) -> None:
    """The files go with the last row that names them: duplicates share their first one's."""
    shared = set(Image.objects.filter(key__in=[image.key for image in images]).values_list("key", flat=True))
    for image in images:
        if image.key not in shared:
            storage.drop_renditions(image.key, [rendition["file"] for rendition in image.renditions])
            storage.drop_originals([image.key])
