"""What a new version adds to images from before it: so far, their perceptual hashes."""

from __future__ import annotations

import io
import logging
import time
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import connection, transaction
from PIL import Image as Picture

from processing.files import storage
from processing.imaging.likeness import perceptual_hash
from processing.imaging.reading.faults import DECODER_ERRORS
from processing.models import Backfill, Image, Status
from processing.models.images import signed
from processing.worker.pipeline import patiently, work

if TYPE_CHECKING:
    from collections.abc import Mapping

logger = logging.getLogger(__name__)

_PHASH = "phash"
_CHUNK = 50
# A rendition of the whole picture: its proportions are the picture's, up to what rounding and an edge of a
# thumbnail make of them. From a smaller one the hash would differ.
_TOLERANCE, _LEAST_SIDE = 0.03, 32

_SET = """
UPDATE processing_image SET phash = made.phash
FROM unnest(%s::uuid[], %s::bigint[]) AS made(id, phash)
WHERE processing_image.id = made.id AND processing_image.phash IS NULL
"""


def hash_images() -> int:
    """A slice of time's work on images that have no hash; returns how many were looked at.

    Images that wait for their first renditions come before each chunk.
    """
    end, count = time.monotonic() + settings.SLICE_SECONDS, 0
    try:
        while time.monotonic() < end and (looked_at := patiently(_hash_chunk)):
            work()
            count += looked_at
    except storage.StorageUnavailable as error:
        logger.warning("images from before get their hashes later: %s", error)
    return count


def _hash_chunk() -> int:
    with transaction.atomic():
        # Another worker that is at it holds the row: nobody waits for it, and who is killed lets go of it.
        backfill = Backfill.objects.select_for_update(skip_locked=True).filter(name=_PHASH).first()
        if backfill is None:
            return 0
        images = _without_hash(backfill)
        if not images:
            backfill.delete()
            logger.info("every image from before has its perceptual hash")
            return 0
        hashes = {image.id: phash for image in images if (phash := _hash(image)) is not None}
        with connection.cursor() as cursor:
            cursor.execute(_SET, [list(map(str, hashes)), list(hashes.values())])
        Backfill.objects.filter(name=_PHASH).update(before=images[-1].id)
    return len(images)


def _without_hash(backfill: Backfill) -> list[Image]:
    images = Image.objects.filter(status=Status.COMPLETED, phash=None)
    if backfill.before:
        images = images.filter(id__lt=backfill.before)
    return list(images.order_by("-id")[:_CHUNK])


def _hash(image: Image) -> int | None:
    """As PostgreSQL has it; none for a flat picture, and where no rendition shows the whole of it."""
    whole = [rendition for rendition in image.renditions if _shows_all(image, rendition)]
    if not whole:
        return None
    smallest = min(whole, key=lambda rendition: rendition["width"] * rendition["height"])
    try:
        with storage.open_rendition(image.key, smallest["file"]) as file:
            data = file.read()
    except FileNotFoundError:
        return None
    try:
        with Picture.open(io.BytesIO(data)) as picture:
            phash = perceptual_hash(picture.convert("RGBA" if picture.has_transparency_data else "RGB"))
    except DECODER_ERRORS as error:
        logger.warning("no hash of an image from before: %s", error, extra={"image": image.id})
        return None
    return None if phash is None else signed(phash)


def _shows_all(image: Image, rendition: Mapping[str, Any]) -> bool:
    width, height = rendition["width"], rendition["height"]
    apart = abs(width * image.height / (height * image.width) - 1)
    return min(width, height) >= _LEAST_SIDE and apart <= _TOLERANCE
