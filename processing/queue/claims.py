"""What a woken worker takes next: the policy is in claim.sql."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.conf import settings

from processing.models import Image, Queue, Waits

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import timedelta

_CLAIM = """
SELECT (c.image).*, c.recipe, c.canvas, c.kind, c.request_id, c.twin, c.more
FROM processing_claim(%s, %s::int[], %s::int[], %s::bigint[], %s::int[], %s, %s) c
"""


@dataclass(frozen=True, slots=True)
class Policy:
    """How much of a class one claim takes: at most so many images and pixels, and one of so many parts."""

    queue: Queue
    images: int
    pixels: int
    parts: int


@dataclass(frozen=True, slots=True)
class Claim:
    """An image in this worker's hands, with what its job wants made of it."""

    image: Image
    recipes: list[dict[str, Any]]
    # Results of the image with the same bytes, where that one is completed.
    twin: dict[str, Any] | None
    # What its job draws, where its bytes are drawn and not uploaded.
    canvas: dict[str, Any] | None = None
    request_id: str = ""


@dataclass(frozen=True, slots=True)
class Chunk:
    """Images of one account under one lease; `more` says that others wait."""

    claims: list[Claim]
    more: bool = False

    @property
    def lease(self) -> int:
        return int(self.claims[0].image.lease or 0)


def pixel_policies() -> list[Policy]:
    """Interactive before bulk.

    A bulk chunk is about a third of a second's work: what comes meanwhile waits no longer. Interactive images
    are taken together only where several wait, and no more than the eye does not notice.
    """
    workers = min(settings.WORKERS, 16)
    return [
        Policy(Queue.INTERACTIVE, settings.CHUNK_IMAGES // 4, settings.CHUNK_PIXELS // 8, workers),
        Policy(Queue.BULK, settings.CHUNK_IMAGES, settings.CHUNK_PIXELS, 2 * workers),
    ]


def claim(policies: Sequence[Policy] | None = None) -> Chunk:
    """The next chunk of images whose pixels are to be made; an empty one where none waits."""
    return _taken("", pixel_policies() if policies is None else policies, settings.LEASE)


def claim_fetch(lease: timedelta) -> Image | None:
    """The next image whose bytes are to be fetched; the try counts from here on."""
    claims = _taken(Waits.FETCH, [Policy(Queue.FETCH, 1, 1, 1)], lease).claims
    return claims[0].image if claims else None


def _taken(waits: str, policies: Sequence[Policy], lease: timedelta) -> Chunk:
    columns = zip(*((int(p.queue), p.images, p.pixels, p.parts) for p in policies), strict=True)
    asked = [waits, *map(list, columns), lease, settings.MAX_ATTEMPTS]
    rows: list[Any] = list(Image.objects.raw(_CLAIM, asked))
    return Chunk([_as_claim(row) for row in rows], more=bool(rows) and rows[0].more)


def _as_claim(row: Any) -> Claim:
    return Claim(
        image=row,
        recipes=json.loads(row.recipe),
        twin=json.loads(row.twin) if row.twin else None,
        canvas=json.loads(row.canvas) if row.canvas else None,
        request_id=row.request_id,
    )
