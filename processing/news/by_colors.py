"""An account's newest images that have each of some colours, by the B-tree (owner, cell, image, place).

The neighbourhood of a colour touches a few cells of OKLab; a place says within 0.001 where in its cell a
colour lies, so almost all that is found there is near enough. The cell that the colour itself lies in mostly
has enough, and then of the others only what is newer is read. Of several colours the rarest leads; where its
newest images do not have the others too, the sets of all of them are intersected, stretch by stretch.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.db import connection

from processing.models import Image
from processing.news.colors import ball_of, cells, home, places

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy as np

    from processing.news.feed import Near

_NEAR = """
    owner_id = %(owner)s AND image_id >= %(low)s AND image_id < %(before)s
    AND processing_places_apart(place, %(l_{n})s, %(a_{n})s, %(b_{n})s) <= %(bound)s
"""
# Two of an image's colours may lie in one cell: DISTINCT. With nothing but its home to go by the floor is the
# lowest id of all.
_OF_ONE = """
WITH home AS MATERIALIZED (
    SELECT DISTINCT image_id FROM processing_imagecell WHERE cell = %(home_{n})s AND {near}
    ORDER BY image_id DESC LIMIT %(size)s
), bound AS MATERIALIZED (
    SELECT CASE WHEN count(*) = %(size)s THEN (array_agg(image_id ORDER BY image_id))[1]
                ELSE '00000000-0000-0000-0000-000000000000' END AS low FROM home
), newest AS (
    SELECT DISTINCT near.image_id
    FROM bound CROSS JOIN unnest(%(cells_{n})s::smallint[]) AS asked(cell)
    CROSS JOIN LATERAL (
        SELECT DISTINCT image_id FROM processing_imagecell
        WHERE cell = asked.cell AND image_id >= bound.low AND {near}
        ORDER BY image_id DESC LIMIT %(size)s
    ) AS near
    ORDER BY near.image_id DESC LIMIT %(size)s
)
SELECT image.id, image.colors FROM newest JOIN processing_image AS image ON image.id = newest.image_id
ORDER BY image.id DESC
"""
_OF_ALL = """
WITH newest AS ({sets} ORDER BY image_id DESC LIMIT %(size)s)
SELECT image.id, image.colors FROM newest JOIN processing_image AS image ON image.id = newest.image_id
ORDER BY image.id DESC
"""
_COLOR_SET = (
    "SELECT image_id FROM processing_imagecell WHERE cell = ANY(%(cells_{n})s::smallint[]) AND {near}"
)
_HUE_SET = """
SELECT image_id FROM processing_imagehue
WHERE owner_id = %(owner)s AND image_id >= %(low)s AND image_id < %(before)s
    AND hue = ANY(%(hues)s::smallint[])
"""
# Of several colours the rarest leads; beyond this many entries none is rare.
_RARE = 2000
_COUNT = """
SELECT count(*) FROM (
    SELECT FROM processing_imagecell WHERE owner_id = %s AND cell = ANY(%s::smallint[]) LIMIT %s) AS counted
"""
# How many of the leading colour's images are looked at before sets are intersected: that reads every entry of
# them, and pays only where what is wanted is rare.
_ROUNDS = (64, 512)
# Of how many of the account's images sets are intersected at first, and then; the last time, of all the rest.
_STRETCHES = (32_768, 262_144)

_OLDEST = UUID(int=0)

Candidates = list[tuple[UUID, list[dict[str, Any]]]]


def newest(owner_id: int, near: Near, limit: int, before: UUID) -> list[UUID]:
    """At most `limit` ids, all below `before`, newest first."""
    search = _Search(owner_id, near, limit, before)
    if len(near.colors) == 1 and near.hue is None:
        search.read(_about(_OF_ONE, 0))
    else:
        search.look_at_the_rarest()
        search.intersect()
    return search.found[:limit]


class _Search:
    """What was found so far, all that is not older than `before`."""

    def __init__(self, owner_id: int, near: Near, limit: int, before: UUID) -> None:
        self.owner_id, self.near, self.limit, self.before = owner_id, near, limit, before
        self.found: list[UUID] = []
        self.over = False

    def look_at_the_rarest(self) -> None:
        statement = _about(_OF_ONE, _rarest(self.owner_id, self.near))
        for size in _ROUNDS:
            if not self._full and not self.over:
                self.over = not self._round(statement, max(size, self.limit))

    def intersect(self) -> None:
        sets = [_about(_COLOR_SET, n) for n in range(len(self.near.colors))]
        if self.near.hue is not None:
            sets.append(_HUE_SET)
        statement = _OF_ALL.format(sets=" INTERSECT ".join(sets))
        for stretch in (*_STRETCHES, None):
            if not self._full and not self.over:
                low = self._low(stretch)
                self.read(statement, low)
                self.before, self.over = low, low == _OLDEST

    def read(self, statement: str, low: UUID = _OLDEST) -> None:
        """Until there are enough, or nothing is left down to `low`."""
        # What the index takes for near enough is so nearly always: one more than is wanted.
        while not self._full and self._round(statement, self.limit - len(self.found) + 1, low):
            pass

    @property
    def _full(self) -> bool:
        return len(self.found) >= self.limit

    def _round(self, statement: str, size: int, low: UUID = _OLDEST) -> bool:
        """Looks at so many candidates; False where there were fewer."""
        values = _values(self.owner_id, self.near, self.before, size) | {"low": low}
        candidates = _candidates(statement, values)
        self.found += [
            image for image, hues, there in _with_places(candidates) if self.near.takes(hues, there)
        ]
        if candidates:
            self.before = candidates[-1][0]
        return len(candidates) == size

    def _low(self, stretch: int | None) -> UUID:
        """The id at which a stretch of so many images ends; the lowest of all where there are fewer."""
        if stretch is None:
            return _OLDEST
        older = Image.objects.of(self.owner_id).visible().filter(id__lt=self.before).order_by("-id")
        return older.values_list("id", flat=True)[stretch - 1 : stretch].first() or _OLDEST


def _about(statement: str, n: int) -> str:
    """The statement for the n-th colour."""
    return statement.format(n=n, near=_NEAR.format(n=n))


def _values(owner_id: int, near: Near, before: UUID, size: int) -> dict[str, Any]:
    values: dict[str, Any] = {"owner": owner_id, "before": before, "size": size, "hues": near.degrees}
    for n, color in enumerate(near.colors):
        lightness, a, b, values["bound"] = ball_of(color, near.distance)
        values |= {f"l_{n}": lightness, f"a_{n}": a, f"b_{n}": b}
        values |= {f"home_{n}": home(color), f"cells_{n}": cells(color, near.distance)}
    return values


def _rarest(owner_id: int, near: Near) -> int:
    """Which of `near.colors` it is of which the account has the fewest entries, in the cells round it."""
    counts = []
    with connection.cursor() as cursor:
        for color in near.colors:
            cursor.execute(_COUNT, [owner_id, cells(color, near.distance), _RARE])
            counts.append(cursor.fetchone()[0])
    return counts.index(min(counts))


def _candidates(statement: str, values: dict[str, Any]) -> Candidates:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return [(image, json.loads(colors)) for image, colors in cursor.fetchall()]


def _with_places(candidates: Candidates) -> Iterator[tuple[UUID, int, np.ndarray]]:
    """Each image with its hues as bits and its colours in OKLab, converted all at once."""
    every = places([color["hex"] for _, colors in candidates for color in colors])
    start = 0
    for image, colors in candidates:
        end = start + len(colors)
        yield image, _bits(colors), every[start:end]
        start = end


def _bits(colors: Sequence[dict[str, Any]]) -> int:
    return sum(1 << hue for hue in {color["hue"] for color in colors} - {None})
