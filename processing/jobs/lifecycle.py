"""What can be asked of a job: submit it, retry what failed, cancel what has not started."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from django.db import transaction
from django.utils import timezone

from processing.jobs import batches, derivations
from processing.jobs.begin import begin
from processing.jobs.recipes import load, marks
from processing.ledger import record
from processing.models import UNFINISHED, Image, Job, NearDuplicates, Queue, Status, Waits
from processing.plumbing.bulk_insert import insert
from processing.plumbing.uuid7 import uuid7
from processing.queue import canvas_turns
from processing.queue.dispatch import FETCH, FETCH_TASK, wake

if TYPE_CHECKING:
    import uuid
    from collections.abc import Collection, Iterable, Sequence
    from datetime import datetime

    from processing.imaging.recipes import Recipe


@dataclass(frozen=True, slots=True)
class NewImage:
    """A file that passed its checks and lies in the storage under `key`."""

    index: int
    name: str
    size: int
    checksum: str
    content_type: str
    width: int
    height: int
    key: str


def submit(
    owner_id: int,
    kind: str,
    recipes: Sequence[Recipe],
    files: Sequence[NewImage],
    *,
    webhook_url: str = "",
    keeps_originals: bool = True,
    near_duplicates: str = NearDuplicates.ALLOW,
) -> tuple[Job, list[Image]]:
    """Writes a job with its images, in two INSERTs, and tells the workers once that is committed.

    Call it in a transaction that holds the owner's row: of two same files sent at once one becomes the
    other's duplicate. An image whose bytes the owner already has shares their key; what was stored under
    its own key is then nobody's, and the caller drops it. Files that are not to be kept
    (`keeps_originals=False`) go once their renditions are safe.
    """
    job = begin(owner_id, kind, recipes, len(files), webhook_url=webhook_url)
    images = _with_twins(job, files, at=job.created_at, keeps_originals=keeps_originals)
    for image in images:
        image.near_duplicates = near_duplicates
    return job, _add(images)


_JOIN = """
UPDATE processing_job SET total = total + %(count)s, updated_at = now()
WHERE id = %(job)s AND owner_id = %(owner)s AND open_until > now() RETURNING *
"""


def join(
    owner_id: int, job_id: uuid.UUID, files: Sequence[NewImage], *, keeps_originals: bool = True
) -> tuple[Job, list[Image]] | None:
    """Adds images to an open batch, as `submit` does to a new job; None where it is not open any more.

    The job's row stays locked until the transaction ends: who joins at once gets an index of its own.
    """
    found = list(Job.objects.raw(_JOIN, {"count": len(files), "job": job_id, "owner": owner_id}))
    if not found:
        return None
    job = found[0]
    first = job.total - 1 - len(files)
    placed = [replace(file, index=first + place) for place, file in enumerate(files)]
    return job, _add(_with_twins(job, placed, at=timezone.now(), keeps_originals=keeps_originals))


def _add(images: list[Image]) -> list[Image]:
    insert(images)
    transaction.on_commit(wake)
    return images


def wanted(recipes: Iterable[Recipe], *, keeps_originals: bool) -> set[str]:
    """What an image with the same bytes must have to stand in for a new one (ImageQuerySet.twins)."""
    return marks(recipes) | ({"original"} if keeps_originals else set())


def _with_twins(job: Job, files: Sequence[NewImage], *, at: datetime, keeps_originals: bool) -> list[Image]:
    names = wanted(load(job.recipes), keeps_originals=keeps_originals)
    known = Image.objects.twins(job.owner_id, [file.checksum for file in files], wanted=names)
    images = []
    kept = []
    for file in files:
        image = Image(
            id=uuid7(),
            job=job,
            owner_id=job.owner_id,
            uploaded_at=at,
            queue=job.queue,
            index=file.index,
            name=file.name,
            size=file.size,
            checksum=file.checksum,
            content_type=file.content_type,
            width=file.width,
            height=file.height,
            key=file.key,
            keeps_original=keeps_originals,
        )
        first = known.setdefault(file.checksum, image)
        if first is not image:
            image.duplicate_of, image.key, image.has_original = first, first.key, first.has_original
            if keeps_originals and not first.keeps_original:
                kept.append(first.key)
            image.keeps_original = keeps_originals or first.keeps_original
            image.focal_x, image.focal_y = first.focal_x, first.focal_y
            if first.status in UNFINISHED:
                image.waits = Waits.TWIN
        images.append(image)
    if kept:
        Image.objects.filter(key__in=kept).update(keeps_original=True)
    return images


def retry(job: Job, *, only: Collection[uuid.UUID] | None = None) -> int:
    """Sends the failed images again, or `only` these of them; returns how many.

    The job's finish is then told anew.
    """
    if job.kind == Job.Kind.DERIVE:
        return derivations.retry(job)
    in_turns = job.kind == Job.Kind.CANVAS
    with transaction.atomic():
        failed = list(job.images.select_for_update().filter(status=Status.FAILED).order_by("id"))
        failed = [image for image in failed if only is None or image.id in only]
        Image.objects.filter(id__in=[image.id for image in failed]).update(
            status=Status.PENDING,
            attempt=0,
            error_code="",
            error_detail="",
            finished_at=None,
            alone=False,
            waits=Waits.TURN if in_turns else "",
        )
        if job.kind == Job.Kind.CSV:  # those without bytes are fetched first
            Image.objects.filter(id__in=[image.id for image in failed], checksum="").update(
                waits=Waits.FETCH, queue=Queue.FETCH
            )
        again = [_undone(image) for image in failed]
        record(again, undone=True)
        transaction.on_commit(lambda: canvas_turns.give([job.id]) if in_turns else wake_all())
    return len(failed)


def wake_all() -> None:
    """For work of more than one kind."""
    wake()
    wake(FETCH_TASK, FETCH)


def _undone(image: Image) -> Image:
    image.status, image.error_code, image.error_detail, image.finished_at = Status.PENDING, "", "", None
    return image


def cancel(job: Job) -> int:
    """Aborts what has not started, and closes an open batch; returns how many images that were.

    What a worker holds is finished by it.
    """
    if job.kind == Job.Kind.DERIVE:
        return derivations.cancel(job)
    with transaction.atomic():
        was_open = batches.hold(job.id)
        pending = list(
            job.images.select_for_update(skip_locked=True).filter(status=Status.PENDING).order_by("id")
        )
        now = timezone.now()
        Image.objects.filter(id__in=[image.id for image in pending]).update(
            status=Status.ABORTED, finished_at=now
        )
        for image in pending:
            image.status, image.finished_at = Status.ABORTED, now
        record(pending, closes=job.id if was_open else None)
        if was_open and not pending:
            batches.tell_closed(job.id)
    return len(pending)
