"""The feed by hue: an account's newest completed images that have a hue near the one asked for.

One short probe of the B-tree (owner, hue, image) for each degree, merged newest first. Ids are UUIDv7, so
falling ids are falling upload times, and the last id of a page is all that the next one needs to know: images
that arrive meanwhile sort before it and move nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from processing.models import Image, Status

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


@dataclass(frozen=True, slots=True)
class Near:
    """Which images are wanted: those within `tolerance` degrees of `hue`, or all where `hue` is None."""

    hue: int | None = None
    tolerance: int = DEFAULT_TOLERANCE

    @property
    def degrees(self) -> list[int]:
        """The whole degrees asked for, round the circle; none where every image is wanted."""
        if self.hue is None:
            return []
        reach = range(self.hue - self.tolerance, self.hue + self.tolerance + 1)
        return sorted({degree % HUES for degree in reach})

    @property
    def mask(self) -> int:
        """The degrees as bits; -1, that is every bit, where every image is wanted."""
        return -1 if self.hue is None else bits(self.degrees)


def bits(hues: list[int]) -> int:
    """Hues as a set of bits: two sets meet where `a & b` is not 0."""
    return sum(1 << hue for hue in set(hues))


def newest(owner_id: int, near: Near, limit: int, *, before: UUID = NEWEST) -> list[Image]:
    """At most `limit` images of the owner, newest first, with ids below `before`."""
    if near.hue is None:
        shown = Image.objects.of(owner_id).visible().filter(status=Status.COMPLETED, id__lt=before)
        return list(shown.order_by("-id")[:limit])
    # A deleted image has no hues, and none has any before it is completed: no other condition is needed.
    return list(Image.objects.raw(_BY_HUE, [near.degrees, owner_id, before, limit, limit]))
