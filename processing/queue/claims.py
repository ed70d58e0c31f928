"""Leases: how an image comes into exactly one worker's hands, and out of a dead one's."""

from __future__ import annotations

import json
import logging
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from django.conf import settings
from django.db import Error, connection
from django.db.models import F
from django.db.models.functions import Now

from processing.models import Image, Status

if TYPE_CHECKING:
    import uuid
    from collections.abc import Iterable, Sequence
    from datetime import timedelta
    from types import TracebackType

logger = logging.getLogger(__name__)

# A second delivery of the same message finds the rows locked or taken, and takes none. The job turns to
# `processing` in the same statement.
_CLAIM = """
WITH free AS (
    SELECT id FROM processing_image
    WHERE id = ANY(%s::uuid[]) AND attempt < %s
      AND (status = 'pending' OR (status = 'processing' AND lease_until < now()))
    ORDER BY id FOR UPDATE SKIP LOCKED
), claimed AS (
    UPDATE processing_image i
    SET status = 'processing', attempt = i.attempt + 1, lease_until = now() + %s
    FROM free WHERE i.id = free.id
    RETURNING i.*
), started AS (
    UPDATE processing_job SET status = 'processing', updated_at = now()
    WHERE status = 'pending' AND id IN (SELECT job_id FROM claimed)
)
SELECT claimed.*, job.recipe AS recipe, job.canvas AS canvas, job.kind AS kind, job.request_id,
       first.status AS first_status,
       first.colors AS first_colors, first.placeholder AS first_placeholder,
       first.renditions AS first_renditions, first.losses AS first_losses
FROM claimed JOIN processing_job job ON job.id = claimed.job_id
LEFT JOIN processing_image first ON first.id = claimed.duplicate_of_id
ORDER BY claimed.id
"""


@dataclass(frozen=True, slots=True)
class Claim:
    """An image in this worker's hands, with what its job wants made of it."""

    image: Image
    recipe: dict[str, Any]
    # Results of the image with the same bytes, where that one is completed.
    twin: dict[str, Any] | None
    # What its job draws, where its bytes are drawn and not uploaded.
    canvas: dict[str, Any] | None = None
    request_id: str = ""


def claim(ids: Sequence[uuid.UUID]) -> list[Claim]:
    """Takes those of `ids` that are free, oldest first: one statement, attempt + 1, a lease."""
    rows = Image.objects.raw(_CLAIM, [list(map(str, ids)), settings.MAX_ATTEMPTS, settings.LEASE])
    return [_as_claim(row) for row in rows]


def _as_claim(row: Any) -> Claim:
    twin = None
    if row.first_status == Status.COMPLETED:
        twin = {
            "colors": json.loads(row.first_colors),
            "placeholder": row.first_placeholder,
            "renditions": json.loads(row.first_renditions),
            "losses": json.loads(row.first_losses),
        }
    drawn = json.loads(row.canvas) if row.canvas else None
    recipe = json.loads(row.recipe)
    return Claim(image=row, recipe=recipe, twin=twin, canvas=drawn, request_id=row.request_id)


def renew(claims: Iterable[Claim]) -> None:
    """Keeps the leases of a worker that lives. An image that another took meanwhile stays the other's."""
    held = {claim.image.id: claim.image.attempt for claim in claims}
    if held:
        Image.objects.filter(id__in=held, status=Status.PROCESSING, attempt__in=set(held.values())).update(
            lease_until=Now() + settings.LEASE
        )


def release(claims: Iterable[Claim], *, counted: bool, wait: timedelta | None = None) -> list[uuid.UUID]:
    """Puts images back for another worker; `counted` says whether the try counts as one.

    The sweeper sends them at its next round, or the one after `wait`.
    """
    released = []
    for held in claims:
        image = held.image
        changed = Image.objects.filter(id=image.id, status=Status.PROCESSING, attempt=image.attempt).update(
            status=Status.PENDING,
            lease_until=Now() + wait if wait else None,
            sent_at=None,
            attempt=F("attempt") - int(not counted),
        )
        if changed:
            released.append(image.id)
    return released


class LeaseKeeper:
    """Renews the leases of the images in hand while this process lives, from a thread of its own.

    Pixels may take longer than a lease, and Pillow lets other threads run meanwhile. The thread connects only
    when the work lasts long enough to need it: most chunks are done before.
    """

    def __init__(self, claims: Sequence[Claim]) -> None:
        self._held = {claim.image.id: claim for claim in claims}
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._keep, name="leases", daemon=True)

    def drop(self, done: uuid.UUID) -> None:
        self._held.pop(done, None)

    def _keep(self) -> None:
        every = settings.LEASE.total_seconds() / 3
        try:
            while not self._over.wait(every):
                try:
                    renew(list(self._held.values()))
                except Error as error:
                    logger.warning("Leases not renewed, the next try is in %.0f s: %s", every, error)
                    connection.close()
        finally:
            connection.close()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()
