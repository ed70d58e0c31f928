"""The focal point of an image: what its crops keep in the middle."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import transaction

from processing.accounts.recipes import known_to
from processing.jobs import derivations
from processing.jobs.recipes import load, merged
from processing.models import UNFINISHED, Image

if TYPE_CHECKING:
    from processing.accounts.models import User
    from processing.imaging.recipes import Recipe


def move(owner: User, image: Image, point: tuple[float, float] | None) -> bool:
    """Sets it, and has the image's crops made anew round it; False where it is there already.

    Call it in a transaction that holds the account, so that the image is not purged meanwhile.
    """
    if point == image.focal_point:
        return False
    x, y = point or (None, None)
    with transaction.atomic():
        Image.objects.filter(id=image.id).update(focal_x=x, focal_y=y)
        crops = _crops(owner, image)
        if crops and (image.has_original or image.status in UNFINISHED):
            derivations.submit(owner.id, crops, [image.id])
    return True


def _crops(owner: User, image: Image) -> list[Recipe]:
    """The recipes that cut out of it: those it was made by, and those its job is about to use."""
    names = {rendition["name"] for rendition in image.renditions}
    of_job = load(image.job.recipes)
    if image.status in UNFINISHED:
        names |= {recipe.name for recipe in of_job}
    known = merged(known_to(owner), of_job)
    return [recipe for recipe in known if recipe.fit == "cover" and recipe.name in names]
