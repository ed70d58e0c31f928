"""Images of one job that are worked on one after another, not all at once.

Such a job never holds more than one worker, joins the end of the queue again after each image, and its
images are completed in their order. Those whose turn has not come are pending like others, but `sent_at`
is HELD: so neither a message nor the sweeper brings them to a worker.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from django.db import connection, transaction

from processing.models import Image, Job
from processing.queue.dispatch import dispatch

if TYPE_CHECKING:
    import uuid
    from collections.abc import Collection

HELD = datetime(9999, 1, 1, tzinfo=UTC)
_MOST = 500

# Images locked by others are left: whoever cancels holds them, and waits for the job's row that we hold.
_NEXT = """
WITH next AS (
    SELECT i.id FROM unnest(%(jobs)s::uuid[]) AS job(id), LATERAL (
        SELECT id FROM processing_image
        WHERE job_id = job.id AND status = 'pending' AND sent_at = %(held)s
        ORDER BY index LIMIT 1 FOR UPDATE SKIP LOCKED) AS i
    WHERE NOT EXISTS (
        SELECT 1 FROM processing_image other WHERE other.job_id = job.id
          AND other.status IN ('pending', 'processing') AND other.sent_at IS DISTINCT FROM %(held)s)
)
UPDATE processing_image i SET sent_at = now() FROM next WHERE i.id = next.id RETURNING i.*
"""

_STALLED = """
SELECT job.id FROM (
    SELECT DISTINCT job_id AS id FROM processing_image WHERE status = 'pending' AND sent_at = %(held)s
) AS job
WHERE NOT EXISTS (
    SELECT 1 FROM processing_image other WHERE other.job_id = job.id
      AND other.status IN ('pending', 'processing') AND other.sent_at IS DISTINCT FROM %(held)s)
LIMIT %(most)s
"""


def give(job_ids: Collection[uuid.UUID]) -> int:
    """Sends the next image of each of these jobs that has none under way; returns how many.

    It may be called at any time, also twice at once. What it misses the sweeper's `give_stalled` finds.
    """
    if not job_ids:
        return 0
    with transaction.atomic():
        # The row is the lock under which two callers see each other's choice.
        jobs = list(Job.objects.select_for_update(no_key=True).filter(id__in=job_ids).order_by("id"))
        kinds = {job.id: job.kind for job in jobs}
        images = list(Image.objects.raw(_NEXT, {"jobs": list(map(str, kinds)), "held": HELD}))
    for image in images:
        dispatch([image], kinds[image.job_id])
    return len(images)


def give_stalled() -> int:
    """The same for jobs whose worker was killed, or lost the database, before it could pass the turn on."""
    with connection.cursor() as cursor:
        cursor.execute(_STALLED, {"held": HELD, "most": _MOST})
        return give([job_id for (job_id,) in cursor.fetchall()])
