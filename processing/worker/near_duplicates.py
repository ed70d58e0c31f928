"""What becomes of an image that looks like one that the account has, as its upload asked."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from django.db import connection

from processing.ledger import Outcome
from processing.models import NearDuplicates, Status
from processing.news.likeness import DEFAULT_DISTANCE, similar

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from uuid import UUID

    from processing.models import Image

# The first key of the advisory locks: all of these, and no others of this database.
_LOCK = 0x6C696B65


def judged(outcomes: Iterable[tuple[Image, Outcome]]) -> list[Outcome]:
    """The outcomes as their uploads want them. Call it in the transaction that settles them.

    Images of one account that ask for this are judged one after the other: of two that look alike and come at
    once, in one request or in two, the one made second is the near-duplicate.
    """
    pairs = list(outcomes)
    if all(image.near_duplicates == NearDuplicates.ALLOW for image, _ in pairs):
        return [outcome for _, outcome in pairs]
    _wait_for_turn({image.owner_id for image, _ in pairs})
    seen: list[tuple[Image, Outcome]] = []
    for image, outcome in sorted(pairs, key=lambda pair: pair[0].id):
        seen.append((image, _judged(image, outcome, seen)))
    return [outcome for _, outcome in seen]


def _wait_for_turn(owner_ids: Iterable[int]) -> None:
    with connection.cursor() as cursor:
        for owner_id in sorted(owner_ids):
            cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [_LOCK, owner_id])


def _judged(image: Image, outcome: Outcome, before: Sequence[tuple[Image, Outcome]]) -> Outcome:
    if image.near_duplicates == NearDuplicates.ALLOW or outcome.phash is None:
        return outcome
    other = _nearest(image, outcome.phash, before)
    if other is None:
        return outcome
    if image.near_duplicates == NearDuplicates.MARK:
        return replace(outcome, near_duplicate_of=other)
    # Its renditions are nobody's: housekeeping drops them.
    return Outcome(
        outcome.id,
        outcome.lease,
        Status.FAILED,
        error_code="near_duplicate",
        error_detail=f"It looks like the image {other}, which is there already.",
    )


def _nearest(image: Image, phash: int, before: Sequence[tuple[Image, Outcome]]) -> UUID | None:
    """The completed image of its account that is nearest, among rows and what is settled along with it."""
    found = similar(image.owner_id, phash, DEFAULT_DISTANCE, but=[image.id], most=1)
    near = [(bits, other.id) for other, bits in found]
    near += [
        (((outcome.phash ^ phash) % 2**64).bit_count(), other.id)
        for other, outcome in before
        if other.owner_id == image.owner_id and outcome.phash is not None
    ]
    bits, nearest = min(near, default=(DEFAULT_DISTANCE + 1, None))
    return nearest if bits <= DEFAULT_DISTANCE else None
