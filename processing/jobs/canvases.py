"""Canvases: a job whose images are snapshots that the workers draw themselves."""

from __future__ import annotations

import hashlib
import os
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import transaction

from processing.accounts import quota
from processing.files import storage
from processing.imaging.canvas.canvas import Canvas, percentages
from processing.jobs.begin import begin
from processing.models import Image, Job, Status, Waits
from processing.plumbing.bulk_insert import insert
from processing.plumbing.uuid7 import uuid7
from processing.queue.dispatch import wake

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from processing.imaging.recipes import Recipe


@dataclass(frozen=True, slots=True)
class Asked:
    """A canvas of `width` x `height` px, with a snapshot every `granular` per cent and at the end."""

    width: int
    height: int
    granular: int
    seed: int

    @property
    def canvas(self) -> Canvas:
        return Canvas(self.width, self.height, self.seed)

    def expected_bytes(self) -> int:
        """About what its snapshots will take: within a twentieth of what PNGs of noise on white were."""
        shares = [percent / 100 for percent in percentages(self.granular)]
        return round(3 * self.canvas.pixels * sum(1.57 * share - 0.57 * share**2 for share in shares))


@dataclass(frozen=True, slots=True)
class Drawn:
    """A snapshot in the storage: its bytes and their SHA-256 in hex."""

    size: int
    checksum: str


def start(
    owner_id: int,
    recipes: Sequence[Recipe],
    asked: Asked,
    *,
    webhook_url: str = "",
    keeps_originals: bool = True,
) -> Job:
    """Writes the job with all its snapshots, and tells the workers of the first once that is committed."""
    percents = percentages(asked.granular)
    job = begin(
        owner_id, Job.Kind.CANVAS, recipes, len(percents), canvas=asdict(asked), webhook_url=webhook_url
    )
    images = [
        _snapshot(job, asked, index, percent, keeps_originals) for index, percent in enumerate(percents)
    ]
    images[0].waits = ""
    insert(images)
    transaction.on_commit(wake)
    return job


def _snapshot(job: Job, asked: Asked, index: int, percent: int, keeps_original: bool) -> Image:
    return Image(
        id=uuid7(),
        job=job,
        owner_id=job.owner_id,
        uploaded_at=job.created_at,
        queue=job.queue,
        waits=Waits.TURN,
        index=index,
        name=f"myImg_{percent}.png",
        size=0,
        checksum="",
        content_type="image/png",
        width=asked.width,
        height=asked.height,
        key=storage.new_key(),
        has_original=False,
        keeps_original=keeps_original,
    )


def draw(image: Image, asked: dict[str, Any]) -> Drawn:
    """Draws the snapshot into the storage, as if it had been uploaded; the same bytes at every attempt."""
    want = Asked(**asked)
    path = settings.INCOMING_DIR / f"snapshot-{image.id}-{image.lease}"
    path.parent.mkdir(parents=True, exist_ok=True)
    for left in path.parent.glob(f"snapshot-{image.id}-*"):  # by a killed worker: one holds it at a time
        left.unlink(missing_ok=True)
    try:
        drawn = _write(path, want.canvas, percentages(want.granular)[image.index])
        storage.put_original(image.key, path)
    finally:
        path.unlink(missing_ok=True)
    return drawn


def _write(path: Path, canvas: Canvas, percent: int) -> Drawn:
    with path.open("w+b") as file:
        canvas.write_png(file, percent)
        file.flush()
        os.fsync(file.fileno())  # the row will say that it is there, also after a power cut
        size = file.tell()
        file.seek(0)
        return Drawn(size, hashlib.file_digest(file, "sha256").hexdigest())


def note(image: Image, drawn: Drawn) -> None:
    """Enters the snapshot's bytes in its row and counts them, once, unless another worker has it now."""
    with transaction.atomic():
        quota.hold(image.owner_id)
        fresh = Image.objects.filter(
            id=image.id, lease=image.lease, status=Status.PROCESSING, has_original=False
        )
        if fresh.update(size=drawn.size, checksum=drawn.checksum, has_original=True):
            quota.add(image.owner_id, drawn.size)
