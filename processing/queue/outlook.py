"""How long a job has still to wait: what is worked on before it, at the rate of the last minute."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import redis
from django.db import connection

from processing.plumbing import metrics

if TYPE_CHECKING:
    from processing.models import Job

# Of the others' images as many come between as their weight gives them while ours are made (claim.sql).
_OUTLOOK = """
WITH next AS (
    SELECT i.id, i.queue, i.owner_id, i.waits, p.weight::float8 AS weight FROM processing_image i
    JOIN processing_user u ON u.id = i.owner_id JOIN processing_plan p ON p.id = u.plan_id
    WHERE i.job_id = %(job)s AND i.status = 'pending' AND i.waits IN ('', 'fetch')
    ORDER BY i.id LIMIT 1
), own AS (
    SELECT count(*) AS before FROM processing_image i, next
    WHERE i.status = 'pending' AND i.waits = next.waits AND i.queue = next.queue
      AND i.owner_id = next.owner_id AND i.id < next.id
), others AS (
    SELECT count(*) AS images, p.weight / next.weight AS weight FROM next, processing_image i
    JOIN processing_user u ON u.id = i.owner_id JOIN processing_plan p ON p.id = u.plan_id
    WHERE i.status = 'pending' AND i.waits = next.waits AND i.queue = next.queue
      AND i.owner_id <> next.owner_id AND u.paused_at IS NULL
    GROUP BY i.owner_id, p.weight, next.weight
), first AS (
    SELECT count(*) AS images FROM processing_image i, next
    WHERE next.queue = 1 AND i.status = 'pending' AND i.waits = '' AND i.queue = 0
)
SELECT first.images + own.before
         + (SELECT coalesce(sum(least(images, ceil(own.before * weight))), 0) FROM others),
       first.images + own.before + %(left)s
         + (SELECT coalesce(sum(least(images, ceil((own.before + %(left)s) * weight))), 0) FROM others)
FROM own, first WHERE EXISTS (SELECT FROM next)
"""


class Outlook(NamedTuple):
    """Images that will be worked on before the job's next one; seconds until all of it is done."""

    ahead: int | None = None
    eta_seconds: float | None = None


def outlook(job: Job) -> Outlook:
    """Nothing of a job that is finished; no time where nothing was done of late."""
    left = job.total - job.completed - job.failed - job.aborted
    if job.finished_at or not left:
        return Outlook()
    with connection.cursor() as cursor:
        cursor.execute(_OUTLOOK, {"job": job.id, "left": left})
        ahead, until_done = cursor.fetchone() or (0, left)
    try:
        rate = metrics.recent_rate()
    except redis.RedisError:
        rate = 0.0
    return Outlook(int(ahead), round(float(until_done) / rate, 1) if rate else None)
