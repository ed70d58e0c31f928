"""The feed by hue and by colours: an account's newest completed images that have what was asked for.

One short probe of the B-tree (owner, hue, image) for each degree, merged newest first; for colours see
`by_colors`.
Ids are UUIDv7, so falling ids are falling upload times, and the last id of a page is all that the next one
needs to know: images that arrive meanwhile sort before it and move nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from uuid import UUID

import numpy as np

from processing.models import Image, Status
from processing.news import by_colors
from processing.news.colors import DEFAULT_DISTANCE, are_near, places

HUES = 360
NEWEST, OLDEST = UUID(int=2**128 - 1), UUID(int=0)
DEFAULT_TOLERANCE, MOST_TOLERANCE = 10, 180

_BY_HUE = """
SELECT image.*
FROM (
    SELECT DISTINCT near.image_id
    FROM unnest(%s::smallint[]) AS degree(hue)
    CROSS JOIN LATERAL (
        SELECT image_id FROM processing_imagehue
        WHERE owner_id = %s AND hue = degree.hue AND image_id < %s
        ORDER BY image_id DESC LIMIT %s
    ) AS near
    ORDER BY near.image_id DESC LIMIT %s
) AS newest
JOIN processing_image AS image ON image.id = newest.image_id
ORDER BY image.id DESC
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
        ids = by_colors.newest(owner_id, near, limit, before)
        images = Image.objects.in_bulk(ids)
        return [images[each] for each in ids if each in images]
    if near.hue is None:
        shown = Image.objects.of(owner_id).visible().filter(status=Status.COMPLETED, id__lt=before)
        return list(shown.order_by("-id")[:limit])
    # A deleted image has no hues, and none has any before it is completed: no other condition is needed.
    return list(Image.objects.raw(_BY_HUE, [near.degrees, owner_id, before, limit, limit]))
