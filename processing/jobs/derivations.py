"""Derive jobs: renditions that existing images lack, made in the background.

An image stays completed and in its own job while this goes on; one Derivation row an image is what is
claimed, tried again and counted. A rendition of an older version, or round another focal point, is replaced:
the row names the new file first, the old one goes after, and until then its URL answers.
"""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from processing.files.discards import discard
from processing.files.storage import rendition_name
from processing.jobs import recipes as by_recipe
from processing.jobs.begin import begin
from processing.ledger import move_counters
from processing.models import UNFINISHED, Derivation, Image, Job, Status
from processing.news.representations import image_shape
from processing.queue.dispatch import DERIVE, send
from processing.webhooks.outbox import enqueue

if TYPE_CHECKING:
    import uuid
    from collections.abc import Iterator, Sequence

    from processing.imaging.recipes import Recipe

logger = logging.getLogger(__name__)

TASK = "derive_images"
_CHUNK = 8
_MOST = 2000
# One image at a time is in hand, so a lease is simply as long as an image may take.
_GRACE = timedelta(seconds=15)

# Failed and aborted images give nothing; unfinished ones may be finished with an older recipe.
_LACKING = """
SELECT id FROM processing_image
WHERE owner_id = %s AND has_original AND status IN ('pending', 'processing', 'completed')
  AND NOT renditions @> %s::jsonb
ORDER BY id
"""

_CLAIM = """
WITH free AS (
    SELECT id FROM processing_derivation
    WHERE id = %s AND attempt < %s
      AND (status = 'pending' OR (status = 'processing' AND lease_until < now()))
    FOR UPDATE SKIP LOCKED
), claimed AS (
    UPDATE processing_derivation d
    SET status = 'processing', attempt = d.attempt + 1, lease_until = now() + %s
    FROM free WHERE d.id = free.id RETURNING d.*
), started AS (
    UPDATE processing_job SET status = 'processing', updated_at = now()
    WHERE status = 'pending' AND id IN (SELECT job_id FROM claimed)
)
SELECT * FROM claimed
"""

_TAKE_FORGOTTEN = """
UPDATE processing_derivation SET sent_at = now() WHERE id IN (
    SELECT id FROM processing_derivation
    WHERE status IN ('pending', 'processing') AND attempt < %s
      AND (status = 'pending' OR lease_until < now()) AND (sent_at IS NULL OR sent_at < now() - %s)
    ORDER BY id LIMIT %s FOR UPDATE SKIP LOCKED
) RETURNING *
"""


@dataclass(frozen=True, slots=True)
class Work:
    """A derivation in this worker's hands, its image, what images of the same bytes have for it already, and
    what is still to be made.
    """

    derivation: Derivation
    image: Image
    recipes: tuple[Recipe, ...]
    shared: list[dict[str, Any]]
    lacking: tuple[Recipe, ...]


def lacking(owner_id: int, recipes: Sequence[Recipe]) -> list[uuid.UUID]:
    """The account's images whose uploaded file is there and which lack a rendition of these versions."""
    wanted = json.dumps([{"name": recipe.name, "version": recipe.version} for recipe in recipes])
    return [image.id for image in Image.objects.raw(_LACKING, [owner_id, wanted])]


def submit(owner_id: int, recipes: Sequence[Recipe], image_ids: Sequence[uuid.UUID]) -> Job | None:
    """Writes a job that gives these images of the account what they lack; None where there are none."""
    if not image_ids:
        return None
    with transaction.atomic():
        job = begin(owner_id, Job.Kind.DERIVE, recipes, len(image_ids))
        rows = [
            Derivation(job=job, image_id=image_id, index=index, sent_at=job.created_at)
            for index, image_id in enumerate(image_ids)
        ]
        Derivation.objects.bulk_create(rows, batch_size=5000)
        transaction.on_commit(lambda: _dispatch(rows))
    return job


def nothing(owner_id: int, recipes: Sequence[Recipe]) -> Job:
    """A job that is finished as it begins: there was nothing to make."""
    with transaction.atomic():
        job = begin(owner_id, Job.Kind.DERIVE, recipes, 0, finished_at=timezone.now())
        _tell(job.id)
    job.refresh_from_db()
    return job


def retry(job: Job) -> int:
    """Sends the failed ones again; returns how many."""
    with transaction.atomic():
        failed = list(job.derivations.select_for_update().filter(status=Status.FAILED).order_by("id"))
        if failed:
            job.derivations.filter(id__in=[row.id for row in failed]).update(
                status=Status.PENDING, attempt=0, error_code="", error_detail="", sent_at=timezone.now()
            )
            _tell(job.id, failed=-len(failed))
            transaction.on_commit(lambda: _dispatch(failed))
    return len(failed)


def cancel(job: Job) -> int:
    """Aborts what has not started; returns how many."""
    with transaction.atomic():
        pending = list(
            job.derivations.select_for_update(skip_locked=True).filter(status=Status.PENDING).order_by("id")
        )
        if pending:
            job.derivations.filter(id__in=[row.id for row in pending]).update(status=Status.ABORTED)
            _tell(job.id, aborted=len(pending))
    return len(pending)


def claim(derivation_id: uuid.UUID) -> Work | None:
    """Takes the derivation where it is free: attempt + 1, a lease for the time one image may take."""
    lease = timedelta(seconds=settings.IMAGE_SECONDS) + _GRACE
    rows = list(Derivation.objects.raw(_CLAIM, [str(derivation_id), settings.MAX_ATTEMPTS, lease]))
    if not rows:
        return None
    row = rows[0]
    image = Image.objects.get(id=row.image_id)
    # Images of the same bytes share their files: what one has, the other needs only to name.
    recipes = by_recipe.load(Job.objects.values_list("recipes", flat=True).get(id=row.job_id))
    wanted = by_recipe.lacking(recipes, image.renditions, image.focal_point)
    shared = _shared(image, wanted) if wanted else []
    return Work(row, image, recipes, shared, by_recipe.lacking(wanted, shared, image.focal_point))


def is_complete(work: Work) -> bool:
    return not work.lacking


def settle(work: Work, renditions: Sequence[dict[str, Any]], losses: Sequence[str] = ()) -> bool:
    """Gives the image its renditions, counts and tells it; False where the lease was lost meanwhile."""
    with transaction.atomic():
        if not _finish(work.derivation, Status.COMPLETED):
            return False
        image = Image.objects.select_for_update(no_key=True).get(id=work.image.id)
        before = list(image.renditions)
        made = [*work.shared, *renditions]
        image.renditions = _replaced(before, _still_wanted(work.recipes, made, image))
        image.losses = list(dict.fromkeys([*image.losses, *losses]))
        image.save(update_fields=["renditions", "losses"])
        discard(_unnamed(image, [*before, *renditions]))
        _tell(work.derivation.job_id, completed=1, images=[image])
    return True


def fail(derivation: Derivation, status: Status, code: str, detail: str) -> None:
    """Ends a derivation without renditions; the image stays as it is."""
    with transaction.atomic():
        if _finish(derivation, status, error_code=code, error_detail=detail):
            aborted = int(status == Status.ABORTED)
            _tell(derivation.job_id, aborted=aborted, failed=1 - aborted)


def release(derivation: Derivation, *, counted: bool) -> None:
    """Puts it back for another worker; the sweeper sends it at its next round."""
    _held(derivation).update(
        status=Status.PENDING,
        lease_until=None,
        sent_at=None,
        attempt=derivation.attempt - int(not counted),
    )


def sweep(forgotten_after: timedelta) -> int:
    """Sends what was forgotten, fails what took a worker with it at every try; returns how many.

    Forgotten is what was sent longer ago than that and is still free.
    """
    lost = Derivation.objects.filter(
        status=Status.PROCESSING, lease_until__lt=timezone.now(), attempt__gte=settings.MAX_ATTEMPTS
    )[:_MOST]
    for row in lost:
        fail(row, Status.FAILED, "worker_crashed", f"The worker died {row.attempt} times on this image.")
    forgotten = list(Derivation.objects.raw(_TAKE_FORGOTTEN, [settings.MAX_ATTEMPTS, forgotten_after, _MOST]))
    _dispatch(forgotten)
    return len(lost) + len(forgotten)


def _held(derivation: Derivation) -> Any:
    """`attempt` is the fence, as for images (processing.ledger)."""
    return Derivation.objects.filter(id=derivation.id, attempt=derivation.attempt, status=Status.PROCESSING)


def _finish(derivation: Derivation, status: Status, **error: str) -> bool:
    return bool(_held(derivation).update(status=status, lease_until=None, **error))


def _of_twins(image: Image) -> Iterator[dict[str, Any]]:
    twins = Image.objects.filter(key=image.key).exclude(id=image.id).order_by("id")
    for renditions in twins.values_list("renditions", flat=True):
        yield from renditions


def _unnamed(image: Image, made: Sequence[dict[str, Any]]) -> list[tuple[str, str]]:
    """Of these files those that no image names, this one or another of the same bytes."""
    files = {rendition["file"] for rendition in made} - {rendition["file"] for rendition in image.renditions}
    if files:
        files -= {rendition["file"] for rendition in _of_twins(image)}
    return [("renditions", rendition_name(image.key, file)) for file in files]


def _shared(image: Image, wanted: Sequence[Recipe]) -> list[dict[str, Any]]:
    """Images of the same bytes share their files: what one has, the other needs only to name."""
    found: dict[str, dict[str, Any]] = {}
    for rendition in _of_twins(image):
        if any(by_recipe.is_made_by(recipe, rendition, image.focal_point) for recipe in wanted):
            found[rendition["file"]] = rendition
    return list(found.values())


def _still_wanted(
    recipes: Sequence[Recipe], made: Sequence[dict[str, Any]], image: Image
) -> list[dict[str, Any]]:
    """What was made, but for what was overtaken: by a newer version, or by another focal point."""
    newest: dict[str, int] = {}
    for rendition in image.renditions:
        newest[rendition["name"]] = max(rendition["version"], newest.get(rendition["name"], 0))
    return [
        rendition
        for rendition in made
        if rendition["version"] >= newest.get(rendition["name"], 0)
        and any(by_recipe.is_made_by(recipe, rendition, image.focal_point) for recipe in recipes)
    ]


def _replaced(before: Sequence[dict[str, Any]], made: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Those from before with the made ones in the places of their names, and new names at the end."""
    fresh: dict[str, list[dict[str, Any]]] = {}
    for rendition in made:
        fresh.setdefault(rendition["name"], []).append(rendition)
    kept: list[dict[str, Any]] = []
    given: set[str] = set()
    for rendition in before:
        name = rendition["name"]
        if name not in fresh:
            kept.append(rendition)
        elif name not in given:
            kept += fresh[name]
            given.add(name)
    return kept + [rendition for rendition in made if rendition["name"] not in given]


def _tell(job_id: uuid.UUID, *, images: Sequence[Image] = (), **counted: int) -> None:
    shapes = json.dumps([image_shape(image) for image in images])
    numbers = {"completed": 0, "failed": 0, "aborted": 0} | counted
    enqueue(move_counters([{"job_id": str(job_id), "images": shapes, **numbers}]), [])


def _dispatch(rows: Sequence[Derivation]) -> None:
    ids = [row.id for row in rows]
    chunks = (ids[start : start + _CHUNK] for start in range(0, len(ids), _CHUNK))
    if ids and not send(chunks, DERIVE, task=TASK):
        Derivation.objects.filter(id__in=ids, status__in=UNFINISHED).update(sent_at=None)
