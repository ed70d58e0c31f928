"""Uploaded files that the account's plan does not keep: removed once the renditions are safe.

Safe means committed: the row that names the renditions comes first, the file goes after. Images that share a
file share its fate, so each step looks at all of them, under the account's lock.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import connection, transaction

from processing.accounts import quota
from processing.files import storage
from processing.files.discards import discard
from processing.models import Image, Status

if TYPE_CHECKING:
    from collections.abc import Iterable

_MOST = 500

_LET_GO = """
UPDATE processing_image i SET has_original = false
WHERE i.owner_id = %s AND i.key = ANY(%s) AND i.has_original AND NOT i.keeps_original AND NOT EXISTS (
    SELECT 1 FROM processing_image other
    WHERE other.key = i.key AND (other.keeps_original OR other.status <> 'completed'
        OR EXISTS (SELECT 1 FROM processing_derivation d
            WHERE d.image_id = other.id AND d.status IN ('pending', 'processing'))))
RETURNING i.key, i.size
"""


def remove_unkept(images: Iterable[Image]) -> int:
    """Removes the uploaded files of those of these images that are done; returns how many files."""
    by_owner: dict[int, set[str]] = {}
    for image in images:
        if image.status == Status.COMPLETED and image.has_original and not image.keeps_original:
            by_owner.setdefault(image.owner_id, set()).add(image.key)
    return sum(_remove(owner_id, sorted(keys)) for owner_id, keys in sorted(by_owner.items()))


def remove_left_behind() -> int:
    """The same for those whose worker was killed between the two steps."""
    unkept = Image.objects.filter(has_original=True, keeps_original=False, status=Status.COMPLETED)
    return remove_unkept(unkept.only("status", "has_original", "keeps_original", "owner_id", "key")[:_MOST])


def keep_all(owner_id: int) -> None:
    """From now on every uploaded file that is still there stays. Call it under the account's lock."""
    Image.objects.filter(owner_id=owner_id, has_original=True, keeps_original=False).update(
        keeps_original=True
    )


def _remove(owner_id: int, keys: list[str]) -> int:
    with transaction.atomic():
        quota.hold(owner_id)
        with connection.cursor() as cursor:
            cursor.execute(_LET_GO, [owner_id, keys])
            gone = dict(cursor.fetchall())
        quota.give_back(owner_id, sum(gone.values()))
        discard(("originals", storage.original_name(key)) for key in gone)
    return len(gone)
