"""The order of steps from a claimed image to its outcome."""

from __future__ import annotations

import errno
import hashlib
import logging
import time
from dataclasses import asdict
from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypeVar

from django.conf import settings
from django.db import InterfaceError, OperationalError, connection, transaction

from processing.files import storage
from processing.imaging import ImageFailed
from processing.imaging.renditions import Made, Rendition, make
from processing.jobs import canvases
from processing.jobs.recipes import focal_of, load, marks, marks_of
from processing.ledger import Outcome, settle
from processing.models import Status
from processing.models.images import signed
from processing.queue import canvas_turns, in_hand
from processing.queue.claims import Chunk, Claim, claim
from processing.queue.dispatch import answered, wake
from processing.queue.leases import Heartbeat, release
from processing.worker import timing
from processing.worker.deadline import deadline
from processing.worker.near_duplicates import judged

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from processing.imaging.recipes import Recipe
    from processing.models import Image

logger = logging.getLogger(__name__)
Result = TypeVar("Result")

DATABASE_PATIENCE = 60.0
# Before another try: a storage that is restarted is back after the first, a mended one after the second.
_PAUSES = [timedelta(seconds=5), timedelta(seconds=60)]


def work() -> int:
    """Takes what waits, chunk by chunk, until nothing is left or a slice of time is over; returns how many.

    Between two slices the process is there for other tasks, and for what comes to a stopping worker.
    """
    answered()
    end, count = time.monotonic() + settings.SLICE_SECONDS, 0
    while (chunk := patiently(claim)).claims:
        if chunk.more:
            wake()
        process(chunk)
        count += len(chunk.claims)
        if time.monotonic() > end:
            wake()
            break
    return count


def process(chunk: Chunk) -> None:
    """Makes everything of these images."""
    with Heartbeat(chunk.lease):
        batch = Batch()
        waiting = list(chunk.claims)
        try:
            while waiting:
                batch.add(waiting[0], begin(waiting[0]))
                waiting.pop(0)
            batch.flush()
            patiently(lambda: canvas_turns.give({held.image.job_id for held in chunk.claims if held.canvas}))
        finally:
            # Told to stop: what is made is kept, the rest goes back uncounted, for another worker, at once.
            if waiting:
                batch.flush()
                release(chunk.lease, counted=False)
                wake()
            in_hand.nothing()


def begin(held: Claim) -> Outcome | None:
    """From here on it is this image's try, whatever becomes of the process."""
    image = held.image
    in_hand.begin(image.lease or 0, image.id)
    image.attempt += 1
    return develop(held)


class Batch:
    """Outcomes on their way to the ledger: written every quarter of a second, so a page sees each soon."""

    def __init__(self) -> None:
        self._outcomes: list[tuple[Image, Outcome]] = []
        self._due = time.monotonic() + settings.FLUSH_SECONDS

    def add(self, held: Claim, outcome: Outcome | None) -> None:
        image = held.image
        if outcome is None:
            wait = _PAUSES[min(image.attempt, len(_PAUSES)) - 1]
            patiently(lambda: release(image.lease or 0, image.id, counted=True, wait=wait))
        else:
            self._outcomes.append((image, outcome))
        if len(self._outcomes) >= settings.FLUSH_IMAGES or time.monotonic() >= self._due:
            self.flush()

    def flush(self) -> None:
        started = time.perf_counter()
        outcomes = patiently(self._settle)
        timing.told(outcomes, time.perf_counter() - started)
        self._outcomes = []
        self._due = time.monotonic() + settings.FLUSH_SECONDS

    def _settle(self) -> list[Outcome]:
        if not self._outcomes:
            return []
        with transaction.atomic():
            outcomes = judged(self._outcomes)
            settle(outcomes)
        return outcomes


def patiently(act: Callable[[], Result]) -> Result:
    """Does `act` again while the database restarts; what it lost is made up for by the lease."""
    end = time.monotonic() + DATABASE_PATIENCE
    pause = 0.1
    while True:
        try:
            return act()
        except (OperationalError, InterfaceError) as error:
            connection.close()
            if time.monotonic() + pause > end:
                raise
            logger.warning("The database does not answer, trying again: %s", error)
            time.sleep(pause)
            pause = min(pause * 2, 2.0)


@timing.of_image
def develop(held: Claim) -> Outcome | None:
    """What becomes of one image; None where the fault is not the picture's and another try is due."""
    try:
        return _copied(held) or _made(held)
    except ImageFailed as error:
        return _failed(held, error)
    except OSError as error:
        return _failed(held, _storage_failed(error))
    except Exception:
        logger.exception("nobody foresaw this", extra={"image": held.image.id, "job": held.image.job_id})
        error = ImageFailed("internal_error", "Something went wrong on our side.", permanent=False)
        return _failed(held, error)


def _copied(held: Claim) -> Outcome | None:
    """The results of the image with the same bytes, where they are all that is wanted."""
    if held.twin and marks(load(held.recipes)) <= marks_of(held.twin["renditions"]):
        return Outcome(held.image.id, held.image.lease or 0, Status.COMPLETED, **held.twin)
    return None


def _made(held: Claim) -> Outcome:
    image = held.image
    if held.canvas is not None:
        drawn = canvases.draw(image, held.canvas)
        patiently(lambda: canvases.note(image, drawn))
    recipes = load(held.recipes)
    made = _make(image, recipes)
    with timing.lap("store"):
        renditions = _store(image, recipes, made.renditions)
    return Outcome(
        image.id,
        image.lease or 0,
        Status.COMPLETED,
        colors=[asdict(color) for color in made.colors],
        placeholder=made.placeholder,
        phash=None if made.phash is None else signed(made.phash),
        renditions=renditions,
        losses=list(made.losses),
    )


def _make(image: Image, recipes: Sequence[Recipe]) -> Made:
    try:
        with timing.lap("fetch"):
            file = storage.open_original(image.key)
    except FileNotFoundError as error:
        raise ImageFailed("original_missing", "The uploaded file is gone.", permanent=True) from error
    with file, deadline(settings.IMAGE_SECONDS), timing.lap("render"):
        return make(file, recipes, max_pixels=settings.MAX_PIXELS, focal_point=image.focal_point)


def _store(image: Image, recipes: Sequence[Recipe], renditions: Sequence[Rendition]) -> list[dict[str, Any]]:
    """Writes the renditions under names that change with their content, so that a URL never does."""
    focal = {recipe.name: focal_of(recipe, image.focal_point) for recipe in recipes}
    rows = []
    for rendition in renditions:
        digest = hashlib.sha256(rendition.data).hexdigest()[:16]
        file = f"{rendition.name}.{digest}.{rendition.extension}"
        storage.put_rendition(image.key, file, rendition.data)
        rows.append(
            {
                "name": rendition.name,
                "width": rendition.width,
                "height": rendition.height,
                "size": len(rendition.data),
                "content_type": rendition.content_type,
                "file": file,
                "version": rendition.version,
                "animated": rendition.animated,
                "focal": focal[rendition.name],
            }
        )
    return rows


def _storage_failed(error: OSError) -> ImageFailed:
    full = error.errno in (errno.ENOSPC, errno.EDQUOT)
    detail = "The storage is full." if full else "The storage did not take or give the file."
    logger.error("Storage: %s", error)
    return ImageFailed("storage_full" if full else "storage_failed", detail, permanent=False)


def _failed(held: Claim, error: ImageFailed) -> Outcome | None:
    image = held.image
    fields = {"image": image.id, "job": image.job_id, "code": error.code, "detail": error.detail}
    logger.info("image failed", extra=fields)
    if not error.permanent and image.attempt < settings.MAX_ATTEMPTS:
        return None
    return Outcome(
        image.id, image.lease or 0, Status.FAILED, error_code=error.code, error_detail=error.detail
    )
