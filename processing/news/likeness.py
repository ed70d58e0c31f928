"""Which of an account's images look like another: a perceptual hash that differs in few bits.

Hashes are cut into four bands of 16 bits, each with a reach; the reaches, and one for each band, add up to
`distance + 1`. Two hashes within `distance` bits have a band that differs in no more bits than its reach: if
every band had more, they would differ in `distance + 1`. So an index of each band is probed for every value
within its reach, and what is found has its whole hash looked at (Norouzi, Punjani, Fleet: "Fast search in
Hamming space with multi-index hashing", 2012). Within 10 bits that is 3 x 137 + 17 probes, within 16 it is
2,517 + 3 x 697.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from itertools import combinations
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.db import connection

from processing.models import Image, Status
from processing.models.images import BANDS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

DEFAULT_DISTANCE, MOST_DISTANCE = 10, 16
MOST_FOUND = 100

_BAND = """
SELECT id, phash FROM processing_image
WHERE owner_id = %(owner)s AND phash IS NOT NULL AND deleted_at IS NULL
  AND ({band})::int = ANY(%(near_{place})s)
"""
_CANDIDATES = " UNION ALL ".join(_BAND.format(band=band, place=place) for place, band in enumerate(BANDS))
_SIMILAR = f"""
SELECT image.*, near.distance FROM (
    SELECT DISTINCT id, bit_count((phash # %(phash)s)::bit(64)) AS distance FROM ({_CANDIDATES}) AS candidate
    WHERE bit_count((phash # %(phash)s)::bit(64)) <= %(distance)s AND id <> ALL(%(but)s::uuid[])
    ORDER BY distance, id DESC LIMIT %(most)s
) AS near JOIN processing_image AS image ON image.id = near.id
WHERE image.status = 'completed'
ORDER BY near.distance, image.id DESC
"""  # noqa: S608  (ours)

# The same for many at once: `head` is one of them, `other` what is near it.
_BAND_OF_ALL = """
SELECT head.id AS head, other.id AS other, head.phash # other.phash AS apart
FROM head CROSS JOIN unnest(%(masks_{place})s::int[]) AS mask
JOIN processing_image AS other ON other.owner_id = %(owner)s
    AND other.phash IS NOT NULL AND other.deleted_at IS NULL
    AND ({other})::int = ({head})::int # mask
"""
_PAIRS = " UNION ALL ".join(
    _BAND_OF_ALL.format(
        other=band.replace("phash", "other.phash"), head=band.replace("phash", "head.phash"), place=place
    )
    for place, band in enumerate(BANDS)
)
_NEIGHBOURS = f"""
WITH head AS MATERIALIZED (SELECT id, phash FROM processing_image WHERE id = ANY(%(ids)s::uuid[]))
SELECT DISTINCT head, other FROM ({_PAIRS}) AS pair JOIN processing_image AS image ON image.id = other
WHERE bit_count(apart::bit(64)) <= %(distance)s AND head <> other AND image.status = 'completed'
"""  # noqa: S608  (ours)
# Images looked at for one page of groups, and how many of them at once: who has no copies costs no more.
_LOOKED_AT, _ROUND = 2000, 200
# A group of more is shown with so many of its images.
MOST_IN_GROUP = 200


@cache
def _masks(most: int) -> list[int]:
    """All 16-bit numbers with at most so many bits set."""
    return [
        sum(1 << place for place in places)
        for count in range(most + 1)
        for places in combinations(range(16), count)
    ]


def _masks_of_bands(distance: int) -> list[list[int]]:
    """For each band, what its bits may differ by; none at all where another band's reach is enough."""
    share, rest = divmod(distance + 1, len(BANDS))
    return [_masks(share if place < rest else share - 1) for place in range(len(BANDS))]


def similar(
    owner_id: int, phash: int, distance: int, *, but: Sequence[object] = (), most: int = MOST_FOUND
) -> list[tuple[Image, int]]:
    """Completed images of the owner within `distance` bits of a hash, nearest first, with their distances.

    `phash` is signed, as rows have it; `but`: ids that are left out.
    """
    bands = [(phash >> shift) & 65535 for shift in (48, 32, 16, 0)]
    near = [
        [band ^ mask for mask in masks] for band, masks in zip(bands, _masks_of_bands(distance), strict=True)
    ]
    values = {
        "owner": owner_id,
        "phash": phash,
        "distance": distance,
        "but": [str(each) for each in but],
        "most": most,
        **{f"near_{place}": values for place, values in enumerate(near)},
    }
    found: list[Any] = list(Image.objects.raw(_SIMILAR, values))
    return [(image, image.distance) for image in found]


@dataclass(frozen=True, slots=True)
class Groups:
    """Groups of images that look alike, and from where to go on: None where nothing older is left."""

    groups: list[list[Image]]
    before: UUID | None


def groups(owner_id: int, distance: int, limit: int, *, before: UUID) -> Groups:
    """At most `limit` groups whose newest image is older than `before` (an id), newest first.

    A group is whatever is near one of its images, and what is near that, and so on; its largest picture comes
    first. A page may have fewer groups than there are, even none, where thousands of images have no copies.
    """
    found: list[list[Image]] = []
    for _ in range(_LOOKED_AT // _ROUND):
        heads = _heads(owner_id, before)
        near = _neighbours(owner_id, heads, distance)
        for head in heads:
            before = head
            group = _group(owner_id, head, near, distance)
            if group:
                found.append(_largest_first(group))
            if len(found) == limit:
                return Groups(found, before)
        if len(heads) < _ROUND:
            return Groups(found, None)
    return Groups(found, before)


def _heads(owner_id: int, before: UUID) -> list[UUID]:
    hashed = Image.objects.of(owner_id).visible().filter(phash__isnull=False, status=Status.COMPLETED)
    return list(hashed.filter(id__lt=before).order_by("-id").values_list("id", flat=True)[:_ROUND])


def _neighbours(owner_id: int, ids: Iterable[UUID], distance: int) -> dict[UUID, set[UUID]]:
    """The images near each of these; without those near none."""
    near: dict[UUID, set[UUID]] = {}
    values: dict[str, Any] = {
        "ids": [str(each) for each in ids],
        "owner": owner_id,
        "distance": distance,
        **{f"masks_{place}": masks for place, masks in enumerate(_masks_of_bands(distance))},
    }
    with connection.cursor() as cursor:
        cursor.execute(_NEIGHBOURS, values)
        for head, other in cursor.fetchall():
            near.setdefault(head, set()).add(other)
    return near


def _group(owner_id: int, head: UUID, near: dict[UUID, set[UUID]], distance: int) -> set[UUID]:
    """All that hangs together with `head`; nothing where it has no copies, or is not the newest of them."""
    group, fresh = {head}, near.get(head, set())
    while fresh and max(fresh) < head and len(group) < MOST_IN_GROUP:
        group |= fresh
        reached = _neighbours(owner_id, fresh, distance)
        fresh = set().union(*reached.values()) - group
    return group if len(group) > 1 and max(fresh | group) == head else set()


def _largest_first(group: Iterable[UUID]) -> list[Image]:
    images = list(Image.objects.in_bulk(list(group)).values())
    largest = sorted(
        images, key=lambda image: (image.width * image.height, image.size, image.id), reverse=True
    )
    return largest[:MOST_IN_GROUP]
