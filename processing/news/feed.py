"""The feed by hue and by colours: an account's newest completed images that have what was asked for.

One short probe of the B-tree (owner, hue, image) for each degree, merged newest first. For a colour the same
with (owner, cell, image, place) for each cell of OKLab that its neighbourhood touches: the place says within
0.001 where in its cell a colour lies, so almost all that is found is near enough. Of several colours the
rarest leads; where its newest images do not have the others too, the sets of all of them are intersected.
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
from processing.news.colors import DEFAULT_DISTANCE, are_near, ball_of, cells, places

HUES = 360
NEWEST, OLDEST = UUID(int=2**128 - 1), UUID(int=0)
DEFAULT_TOLERANCE, MOST_TOLERANCE = 10, 180

_NEWEST = """
SELECT image.*
FROM (
    SELECT DISTINCT near.image_id
    FROM unnest(%s::smallint[]) AS asked(key)
    CROSS JOIN LATERAL (
        SELECT {distinct} image_id FROM {table}
        WHERE owner_id = %s AND {column} = asked.key AND image_id < %s {near}
        ORDER BY image_id DESC LIMIT %s
    ) AS near
    ORDER BY near.image_id DESC LIMIT %s
) AS newest
JOIN processing_image AS image ON image.id = newest.image_id
ORDER BY image.id DESC
"""
_BY_HUE = _NEWEST.format(table="processing_imagehue", column="hue", distinct="", near="")
_BY_COLOR = _NEWEST.format(
    table="processing_imagecell",
    column="cell",
    distinct="DISTINCT",  # two of its colours may lie in one cell
    near="AND processing_places_apart(place, %s, %s, %s) <= %s",
)
# Of several colours the rarest leads; beyond this many images none is rare.
_RARE = 2000
_COUNT_CELLS = """
SELECT count(*) FROM (
    SELECT FROM processing_imagecell WHERE owner_id = %s AND cell = ANY(%s::smallint[]) LIMIT %s) AS counted
"""
# How many of the leading colour's images are looked at, in rounds, before whole sets are intersected: that
# reads every entry of them, which only pays where what is wanted is rare.
_ROUNDS = (64, 256, 1024)
_OF_COLOR = """
SELECT image_id FROM processing_imagecell WHERE owner_id = %s AND cell = ANY(%s::smallint[]) AND image_id < %s
AND processing_places_apart(place, %s, %s, %s) <= %s
"""
_OF_HUE = """
SELECT image_id FROM processing_imagehue WHERE owner_id = %s AND hue = ANY(%s::smallint[]) AND image_id < %s
"""
_OF_ALL = """
SELECT image.* FROM ({sets} ORDER BY image_id DESC LIMIT %s) AS newest
JOIN processing_image AS image ON image.id = newest.image_id ORDER BY image.id DESC
"""


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
    lead = _rarest(owner_id, near)
    several = len(near.colors) > 1 or near.hue is not None
    for size in _ROUNDS if several else ():
        candidates = _of_color(owner_id, lead, near.distance, size, before)
        found += _exactly(near, candidates)
        if len(found) >= limit or len(candidates) < size:
            return found[:limit]
        before = candidates[-1].id
    while len(found) < limit:
        size = limit - len(found) + 1
        if several:
            candidates = _of_all(owner_id, near, size, before)
        else:
            candidates = _of_color(owner_id, lead, near.distance, size, before)
        found += _exactly(near, candidates)
        if len(candidates) < size:
            break
        before = candidates[-1].id
    return found[:limit]


def _of_color(owner_id: int, color: str, distance: float, size: int, before: UUID) -> list[Image]:
    """The newest images that have a colour as near as the index can tell."""
    touched, *ball = cells(color, distance), *ball_of(color, distance)
    return list(Image.objects.raw(_BY_COLOR, [touched, owner_id, before, *ball, size, size]))


def _of_all(owner_id: int, near: Near, size: int, before: UUID) -> list[Image]:
    """The newest images that have all that is wanted, as near as the indexes can tell."""
    sets, values = [], []
    for color in near.colors:
        sets.append(_OF_COLOR)
        values += [owner_id, cells(color, near.distance), before, *ball_of(color, near.distance)]
    if near.hue is not None:
        sets.append(_OF_HUE)
        values += [owner_id, near.degrees, before]
    statement = _OF_ALL.format(sets=" INTERSECT ".join(sets))
    return list(Image.objects.raw(statement, [*values, size]))


def _exactly(near: Near, candidates: Sequence[Image]) -> list[Image]:
    return [image for image, there in _with_places(candidates) if near.takes(bits([*image.hues]), there)]


def _rarest(owner_id: int, near: Near) -> str:
    """The colour of which the account has the fewest images, by the cells round it."""
    if len(near.colors) == 1:
        return near.colors[0]
    counts = []
    with connection.cursor() as cursor:
        for color in near.colors:
            cursor.execute(_COUNT_CELLS, [owner_id, cells(color, near.distance), _RARE])
            counts.append(cursor.fetchone()[0])
    return near.colors[counts.index(min(counts))]


def _with_places(images: Sequence[Image]) -> Iterator[tuple[Image, np.ndarray]]:
    """Each image with its dominant colours in OKLab, converted all at once."""
    every = places([color["hex"] for image in images for color in image.colors])
    start = 0
    for image in images:
        end = start + len(image.colors)
        yield image, every[start:end]
        start = end
