"""The feed by hue and by colours: an account's newest completed images that have what was asked for.

One short probe of the B-tree (owner, hue, image) for each degree, merged newest first. For colours the same
with (owner, cell, image) for each cell of OKLab that they touch, and then a look at the exact colours: a cell
holds more than what is near enough.
Ids are UUIDv7, so falling ids are falling upload times, and the last id of a page is all that the next one
needs to know: images that arrive meanwhile sort before it and move nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from uuid import UUID

import numpy as np
from django.db import connection

from processing.models import Image, Status
from processing.news.colors import DEFAULT_DISTANCE, are_near, cells, places

HUES = 360
NEWEST, OLDEST = UUID(int=2**128 - 1), UUID(int=0)
DEFAULT_TOLERANCE, MOST_TOLERANCE = 10, 180

_NEWEST = """
SELECT image.*
FROM (
    SELECT DISTINCT near.image_id
    FROM unnest(%s::smallint[]) AS asked(key)
    CROSS JOIN LATERAL (
        SELECT image_id FROM {table}
        WHERE owner_id = %s AND {column} = asked.key AND image_id < %s
        ORDER BY image_id DESC LIMIT %s
    ) AS near
    ORDER BY near.image_id DESC LIMIT %s
) AS newest
JOIN processing_image AS image ON image.id = newest.image_id
ORDER BY image.id DESC
"""
_BY_HUE = _NEWEST.format(table="processing_imagehue", column="hue")
_BY_CELL = _NEWEST.format(table="processing_imagecell", column="cell")
# Of several colours the rarest leads; beyond this many images none is rare.
_RARE = 2000
_COUNT_CELLS = """
SELECT count(*) FROM (
    SELECT FROM processing_imagecell WHERE owner_id = %s AND cell = ANY(%s::smallint[]) LIMIT %s) AS counted
"""
# Candidates of a round: few at first, since most of a cell is near enough to most that lies in it.
_FIRST_ROUND, _LAST_ROUND = 64, 2048


@dataclass(frozen=True)
class Near:
    """Which images are wanted: those within `tolerance` degrees of `hue`, or all where `hue` is None.

    With `colors` (`#rrggbb`) only those that have, for each of them, a dominant colour that near in OKLab.
    """

    hue: int | None = None
    tolerance: int = DEFAULT_TOLERANCE
    colors: tuple[str, ...] = ()
    distance: float = DEFAULT_DISTANCE

    @property
    def degrees(self) -> list[int]:
        """The whole degrees asked for, round the circle; none where every image is wanted."""
        if self.hue is None:
            return []
        reach = range(self.hue - self.tolerance, self.hue + self.tolerance + 1)
        return sorted({degree % HUES for degree in reach})

    @cached_property
    def mask(self) -> int:
        """The degrees as bits; -1, that is every bit, where every image is wanted."""
        return -1 if self.hue is None else bits(self.degrees)

    @cached_property
    def _wanted(self) -> np.ndarray:
        return places(self.colors)

    def takes(self, hues: int, there: np.ndarray) -> bool:
        """Whether an image of these hues (as bits) and dominant colours (OKLab, (n, 3)) is wanted."""
        mask = self.mask
        if mask != -1 and not hues & mask:
            return False
        return not self.colors or are_near(self._wanted, there, self.distance)


def bits(hues: list[int]) -> int:
    """Hues as a set of bits: two sets meet where `a & b` is not 0."""
    return sum(1 << hue for hue in set(hues))


def newest(owner_id: int, near: Near, limit: int, *, before: UUID = NEWEST) -> list[Image]:
    """At most `limit` images of the owner, newest first, with ids below `before`."""
    if near.colors:
        return _newest_by_colors(owner_id, near, limit, before)
    if near.hue is None:
        shown = Image.objects.of(owner_id).visible().filter(status=Status.COMPLETED, id__lt=before)
        return list(shown.order_by("-id")[:limit])
    # A deleted image has no hues, and none has any before it is completed: no other condition is needed.
    return list(Image.objects.raw(_BY_HUE, [near.degrees, owner_id, before, limit, limit]))


def _newest_by_colors(owner_id: int, near: Near, limit: int, before: UUID) -> list[Image]:
    found: list[Image] = []
    touched = _rarest(owner_id, near)
    size = max(_FIRST_ROUND, limit)
    while len(found) < limit:
        candidates: list[Image] = list(Image.objects.raw(_BY_CELL, [touched, owner_id, before, size, size]))
        found += [
            image for image, there in _with_places(candidates) if near.takes(bits([*image.hues]), there)
        ]
        if len(candidates) < size:
            break
        before, size = candidates[-1].id, min(2 * size, _LAST_ROUND)
    return found[:limit]


def _rarest(owner_id: int, near: Near) -> list[int]:
    """The cells of that colour of which the account has the fewest images."""
    by_color = [cells(color, near.distance) for color in near.colors]
    if len(by_color) == 1:
        return by_color[0]
    counts = []
    with connection.cursor() as cursor:
        for touched in by_color:
            cursor.execute(_COUNT_CELLS, [owner_id, touched, _RARE])
            counts.append(cursor.fetchone()[0])
    return by_color[counts.index(min(counts))]


def _with_places(images: Sequence[Image]) -> Iterator[tuple[Image, np.ndarray]]:
    """Each image with its dominant colours in OKLab, converted all at once."""
    every = places([color["hex"] for image in images for color in image.colors])
    start = 0
    for image in images:
        end = start + len(image.colors)
        yield image, every[start:end]
        start = end
