"""The one way an image reaches another state: rows, hues, counters and events in one transaction.

Two statements, however many images: the images with their hues, then the counters of every touched job
with its events. The row lock of the job puts its events in order, that of the account's log the account's.
The statement that reaches the total sets `finished_at` and writes `job.finished`: exactly one does, whoever
else was killed.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from django.db import connection, transaction

from processing.files.originals import remove_unkept
from processing.models import Image, Status
from processing.news.push import News, announce
from processing.news.representations import image_shape
from processing.plumbing import metrics
from processing.webhooks.outbox import enqueue

if TYPE_CHECKING:
    import uuid
    from collections.abc import Iterable, Sequence

# One event carries at most this many images, so that a frame stays far below what sockets accept (1 MiB).
EVENT_IMAGES = 100


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one image that a worker held under the lease of this number."""

    id: uuid.UUID
    lease: int
    status: Status
    error_code: str = ""
    error_detail: str = ""
    colors: list[dict[str, Any]] = field(default_factory=list)
    placeholder: str = ""
    phash: int | None = None
    near_duplicate_of: uuid.UUID | None = None
    renditions: list[dict[str, Any]] = field(default_factory=list)
    losses: list[str] = field(default_factory=list)


# The hues by which the feed finds completed images that are not deleted.
_INDEX_HUES = """
INSERT INTO processing_imagehue (owner_id, hue, image_id)
SELECT i.owner_id, (color ->> 'hue')::smallint, i.id FROM {images} i, jsonb_array_elements(i.colors) color
WHERE i.status = 'completed' AND i.deleted_at IS NULL AND color ->> 'hue' IS NOT NULL
ON CONFLICT DO NOTHING
"""

# The same for the cells of their colours, and their places in them (processing.news.colors).
_INDEX_CELLS = """
INSERT INTO processing_imagecell (owner_id, cell, image_id, place)
SELECT i.owner_id, processing_color_cell(color ->> 'hex'), i.id, processing_color_place(color ->> 'hex')
FROM {images} i, jsonb_array_elements(i.colors) color
WHERE i.status = 'completed' AND i.deleted_at IS NULL
ON CONFLICT DO NOTHING
"""

_BACK_IN_THE_FEED = f"""
WITH back AS (SELECT * FROM processing_image WHERE id = ANY(%s::uuid[])),
hues AS ({_INDEX_HUES.format(images="back")})
{_INDEX_CELLS.format(images="back")}
"""  # noqa: S608  (both are ours)

# The lease is the fence: a worker that lost it, and comes back late, changes nothing. Twins are the images of
# the same bytes that waited for this one; one that wants other renditions, or is to be judged by its looks,
# goes to a worker itself.
_SETTLE = f"""
WITH v AS (
    SELECT * FROM jsonb_to_recordset(%s::jsonb) AS v(
        id uuid, lease bigint, status text, error_code text, error_detail text,
        colors jsonb, placeholder text, phash bigint, near_duplicate_of uuid, renditions jsonb, losses jsonb)
), settled AS (
    UPDATE processing_image i
    SET status = v.status, error_code = v.error_code, error_detail = v.error_detail, colors = v.colors,
        placeholder = v.placeholder, phash = v.phash,
        near_duplicate_of_id = v.near_duplicate_of, renditions = v.renditions, losses = v.losses,
        attempt = i.attempt + 1, lease_until = NULL, finished_at = now()
    FROM v WHERE i.id = v.id AND i.lease = v.lease AND i.status = 'processing'
    RETURNING i.*
), twins AS (
    UPDATE processing_image i
    SET status = s.status, error_code = s.error_code, error_detail = s.error_detail, colors = s.colors,
        placeholder = s.placeholder, phash = s.phash, renditions = s.renditions, losses = s.losses,
        waits = '', lease_until = NULL, finished_at = now()
    FROM settled s JOIN processing_job done ON done.id = s.job_id
    WHERE i.key = s.key AND i.id <> s.id AND i.status = 'pending' AND i.waits <> 'turn'
      AND done.recipe = (SELECT recipe FROM processing_job own WHERE own.id = i.job_id)
      AND i.near_duplicates = 'allow' AND s.error_code <> 'near_duplicate'
    RETURNING i.*
), judged AS (
    UPDATE processing_image i SET waits = '' FROM settled s
    WHERE i.key = s.key AND i.id <> s.id AND i.status = 'pending' AND i.waits = 'twin'
      AND (i.near_duplicates <> 'allow' OR s.error_code = 'near_duplicate')
), changed AS (
    SELECT * FROM settled UNION ALL SELECT * FROM twins
), hues AS ({_INDEX_HUES.format(images="changed")}
), cells AS ({_INDEX_CELLS.format(images="changed")})
SELECT * FROM changed
"""  # noqa: S608  (both are ours)

# Every number added is a difference, so flushes of the same job add up in any order. `ends` takes the open
# end of a batch off its total (processing.jobs.batches).
_COUNT = """
WITH change AS (
    SELECT job_id, completed, failed, aborted, images, coalesce(ends, 0) AS ends,
           completed + failed + aborted AS done
    FROM jsonb_to_recordset(%s::jsonb) AS c(
        job_id uuid, completed int, failed int, aborted int, images text, ends int)
), moved AS (
    UPDATE processing_job j
    SET completed = j.completed + c.completed, failed = j.failed + c.failed, aborted = j.aborted + c.aborted,
        total = j.total - c.ends, open_until = CASE WHEN c.ends = 0 THEN j.open_until END,
        updated_at = now(),
        seq = j.seq + 1 + (j.completed + j.failed + j.aborted + c.done = j.total - c.ends)::int,
        finished_at = CASE WHEN j.completed + j.failed + j.aborted + c.done = j.total - c.ends THEN now() END,
        status = CASE
            WHEN j.completed + j.failed + j.aborted + c.done < j.total - c.ends THEN 'processing'
            WHEN j.aborted + c.aborted > 0 THEN 'aborted'
            WHEN j.failed + c.failed = j.total - c.ends AND j.failed + c.failed > 0 THEN 'failed'
            WHEN j.failed + c.failed > 0 THEN 'partial'
            ELSE 'completed' END
    FROM change c WHERE j.id = c.job_id
    RETURNING j.*, c.images
), told AS (
    SELECT id, owner_id, seq - (finished_at IS NOT NULL)::int AS seq, 'job.progress' AS type,
           status, completed, failed, aborted, finished_at, images FROM moved
    UNION ALL
    SELECT id, owner_id, seq, 'job.finished', status, completed, failed, aborted, finished_at, '[]'
    FROM moved WHERE finished_at IS NOT NULL
), log AS (
    INSERT INTO processing_accountlog AS kept (owner_id, position)
    SELECT owner_id, count(*) FROM told GROUP BY owner_id ORDER BY owner_id
    ON CONFLICT (owner_id) DO UPDATE SET position = kept.position + excluded.position
    RETURNING owner_id, position
), written AS (
    INSERT INTO processing_event
        (job_id, seq, owner_id, position, type, status, completed, failed, aborted, finished_at, images)
    SELECT t.id, t.seq, t.owner_id,
           log.position - row_number() OVER (PARTITION BY t.owner_id ORDER BY t.id DESC, t.seq DESC) + 1,
           t.type, t.status, t.completed, t.failed, t.aborted, t.finished_at, t.images
    FROM told t JOIN log ON log.owner_id = t.owner_id
)
SELECT moved.id, moved.owner_id, moved.seq, log.position, kind, finished_at IS NOT NULL,
       webhook_url <> '' OR EXISTS (
           SELECT FROM processing_endpoint e WHERE e.owner_id = moved.owner_id AND e.disabled_at IS NULL)
FROM moved JOIN log ON log.owner_id = moved.owner_id
"""


def settle(outcomes: Sequence[Outcome]) -> list[Image]:
    """Writes what became of claimed images; returns those that changed, twins included."""
    if not outcomes:
        return []
    document = json.dumps([asdict(outcome) for outcome in outcomes], default=str)
    with transaction.atomic():
        changed = list(Image.objects.raw(_SETTLE, [document]))
        # Only once the rows that name the renditions are committed; the sweeper does it where this fails.
        # Before it is told: who hears of the image finds its file gone, where the plan does not keep it.
        transaction.on_commit(lambda: remove_unkept(changed), robust=True)
        record(changed)
    return changed


def index_colors(image_ids: Sequence[uuid.UUID]) -> None:
    """Enters the hues and colours of images that come back into the feed."""
    with connection.cursor() as cursor:
        cursor.execute(_BACK_IN_THE_FEED, [list(map(str, image_ids))])


def record(changed: Iterable[Image], *, undone: bool = False, closes: uuid.UUID | None = None) -> None:
    """Counts images that just reached their state in their jobs, and tells it as events.

    With `undone` they have just left the state `failed` for another try. `closes`: the open batch among their
    jobs that takes no more with this. Call it in the transaction that changed them.
    """
    changed = list(changed)
    news: list[News] = []
    by_job: dict[uuid.UUID, list[Image]] = {}
    for image in changed:
        by_job.setdefault(image.job_id, []).append(image)
    for start in range(0, max((len(images) for images in by_job.values()), default=0), EVENT_IMAGES):
        changes = [
            {
                **_change(job, images[start : start + EVENT_IMAGES], undone=undone),
                "ends": int(job == closes and not start),
            }
            for job, images in sorted(by_job.items())
            if images[start:]
        ]
        news += move_counters(changes)
    enqueue(news, changed)
    if not undone:
        transaction.on_commit(partial(_measure, changed))


def _measure(changed: Iterable[Image]) -> None:
    for image in changed:
        metrics.add("imageapi_images_total", status=image.status, code=image.error_code)


def move_counters(changes: Sequence[dict[str, Any]]) -> list[News]:
    """Moves the counters of jobs and writes their events: one change a job, as `_change` makes them.

    Returns what each job's log now says.
    """
    with connection.cursor() as cursor:
        cursor.execute(_COUNT, [json.dumps(changes)])
        news = [News(*row) for row in cursor.fetchall()]
    images = {change["job_id"]: change["images"] for change in changes}
    transaction.on_commit(partial(announce, news, images))
    return news


def _change(job: uuid.UUID, images: list[Image], *, undone: bool) -> dict[str, Any]:
    def count(status: Status) -> int:
        return sum(image.status == status for image in images)

    shapes = json.dumps([image_shape(image) for image in images])
    if undone:
        return {"job_id": str(job), "completed": 0, "failed": -len(images), "aborted": 0, "images": shapes}
    return {
        "job_id": str(job),
        "completed": count(Status.COMPLETED),
        "failed": count(Status.FAILED),
        "aborted": count(Status.ABORTED),
        "images": shapes,
    }
