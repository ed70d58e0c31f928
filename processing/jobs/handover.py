"""Handing what one account has taken in to another: what nobody signed for, to the administrator."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import connection, transaction

from processing.accounts import quota
from processing.models import Image
from processing.news.push import announce_removed, announce_restored

if TYPE_CHECKING:
    import uuid
    from collections.abc import Sequence

_ROUND = 500
# Jobs under way, and those that share a file with one that stays, or wait for it: a file has one owner.
_STAYING = """
WITH RECURSIVE staying AS (
    SELECT id FROM processing_job WHERE owner_id = %s AND finished_at IS NULL
    UNION
    SELECT other.job_id FROM staying CROSS JOIN LATERAL (
        SELECT same.job_id FROM processing_image image JOIN processing_image same USING (key)
        WHERE image.job_id = staying.id
        UNION ALL
        SELECT image.job_id FROM processing_derivation JOIN processing_image image ON image.id = image_id
        WHERE processing_derivation.job_id = staying.id) other
)
SELECT coalesce(array_agg(id), '{}') FROM staying
"""
_BYTES = """
SELECT coalesce(sum(size), 0)::bigint FROM (
    SELECT DISTINCT ON (key) size FROM processing_image
    WHERE owner_id = %(giver)s AND has_original AND job_id <> ALL(%(staying)s::uuid[])) AS content
"""
_MOVE = """
WITH jobs AS (
    UPDATE processing_job SET owner_id = %(taker)s
    WHERE owner_id = %(giver)s AND id <> ALL(%(staying)s::uuid[])
), images AS (
    UPDATE processing_image SET owner_id = %(taker)s
    WHERE owner_id = %(giver)s AND job_id <> ALL(%(staying)s::uuid[]) RETURNING id, deleted_at
), hues AS (
    UPDATE processing_imagehue SET owner_id = %(taker)s FROM images
    WHERE owner_id = %(giver)s AND image_id = images.id
), cells AS (
    UPDATE processing_imagecell SET owner_id = %(taker)s FROM images
    WHERE owner_id = %(giver)s AND image_id = images.id
)
SELECT id FROM images WHERE deleted_at IS NULL ORDER BY id DESC
"""


def hand_over(giver_id: int, taker_id: int) -> tuple[int, int]:
    """Moves jobs and images, deleted ones too, and what they take of the quotas; the taker's may be exceeded.

    What is under way stays, with all that shares a file with it. Returns how many visible images were moved,
    and how many stayed. Events stay in the log of the account in which they happened.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        for owner_id in sorted((giver_id, taker_id)):
            quota.hold(owner_id)
        cursor.execute(_STAYING, [giver_id])
        values = {"giver": giver_id, "taker": taker_id, "staying": cursor.fetchone()[0]}
        cursor.execute(_BYTES, values)
        (size,) = cursor.fetchone()
        cursor.execute(_MOVE, values)
        moved = [image for (image,) in cursor.fetchall()]
        quota.give_back(giver_id, size)
        quota.add(taker_id, size)
        transaction.on_commit(lambda: _announce(giver_id, taker_id, moved))
    return len(moved), Image.objects.of(giver_id).visible().count()


def _announce(giver_id: int, taker_id: int, images: Sequence[uuid.UUID]) -> None:
    for start in range(0, len(images), _ROUND):
        announce_removed(giver_id, images[start : start + _ROUND])
        announce_restored(taker_id, images[start : start + _ROUND])
