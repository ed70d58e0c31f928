"""Images of one job that are worked on one after another, not all at once.

Such a job never holds more than one worker, joins the end of the queue again after each image, and its
images are completed in their order. Those whose turn has not come are pending, and wait for it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import connection, transaction

from processing.models import Image, Job
from processing.queue.dispatch import wake

if TYPE_CHECKING:
    import uuid
    from collections.abc import Collection

_MOST = 500

# Images locked by others are left: whoever cancels holds them, and waits for the job's row that we hold.
_NEXT = """
WITH next AS (
    SELECT i.id FROM unnest(%(jobs)s::uuid[]) AS job(id), LATERAL (
        SELECT id FROM processing_image
        WHERE job_id = job.id AND status = 'pending' AND waits = 'turn'
        ORDER BY index LIMIT 1 FOR UPDATE SKIP LOCKED) AS i
    WHERE NOT EXISTS (
        SELECT 1 FROM processing_image other WHERE other.job_id = job.id
          AND other.status IN ('pending', 'processing') AND other.waits <> 'turn')
)
UPDATE processing_image i SET waits = '' FROM next WHERE i.id = next.id RETURNING i.*
"""

_STALLED = """
SELECT job.id FROM (
    SELECT DISTINCT job_id AS id FROM processing_image WHERE status = 'pending' AND waits = 'turn'
) AS job
WHERE NOT EXISTS (
    SELECT 1 FROM processing_image other WHERE other.job_id = job.id
      AND other.status IN ('pending', 'processing') AND other.waits <> 'turn')
LIMIT %(most)s
"""


def give(job_ids: Collection[uuid.UUID]) -> int:
    """Frees the next image of each of these jobs that has none under way; returns how many.

    It may be called at any time, also twice at once. What it misses the sweeper's `give_stalled` finds.
    """
    if not job_ids:
        return 0
    with transaction.atomic():
        # The row is the lock under which two callers see each other's choice.
        locked = Job.objects.select_for_update(no_key=True).filter(id__in=job_ids).order_by("id")
        jobs = list(locked.values_list("id", flat=True))
        images = list(Image.objects.raw(_NEXT, {"jobs": list(map(str, jobs))}))
    if images:
        wake()
    return len(images)


def give_stalled() -> int:
    """The same for jobs whose worker was killed, or lost the database, before it could pass the turn on."""
    with connection.cursor() as cursor:
        cursor.execute(_STALLED, {"most": _MOST})
        return give([job_id for (job_id,) in cursor.fetchall()])
