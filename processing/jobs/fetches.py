"""Images whose bytes are still somewhere else: written as rows, fetched, handed on to the pixels.

An image stays `pending` until its pixels begin. While it is fetched it has a lease, and so it has while it
waits for another try: the sweeper leaves it alone until then and takes it up when nobody came back. Each try
stores under a key of its own, so a late one can drop what it stored without harm.
"""

from __future__ import annotations

import logging
import os
import random
import tempfile
import threading
import time
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.db.models.functions import Now

from processing.accounts import quota
from processing.files import storage
from processing.imaging import ImageFailed, Probe, probe
from processing.jobs.begin import begin
from processing.jobs.lifecycle import wanted
from processing.jobs.recipes import load
from processing.ledger import Outcome, settle
from processing.models import Image, Job, Queue, Source, Status, Waits
from processing.plumbing.bulk_insert import insert
from processing.plumbing.uuid7 import uuid7
from processing.queue.claims import claim_fetch
from processing.queue.dispatch import FETCH, FETCH_TASK, answered, wake
from processing.remote import http
from processing.remote.http import Fetched
from processing.remote.network import FetchFailed, Interrupted
from processing.remote.web_addresses import checked_url

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from processing.imaging.recipes import Recipe

logger = logging.getLogger(__name__)

_STORING = timedelta(seconds=25)  # what may pass, besides the fetch, before the lease runs out
_BUSY_HOST = timedelta(seconds=1)
_PATIENCE = 3.0  # seconds to wait for a place at a busy host
_LONGEST_WAIT = 120.0
_PAUSES = (2.0, 10.0)


@dataclass(frozen=True, slots=True)
class NewSource:
    """An address whose image is wanted; `index` is its place in the job."""

    index: int
    name: str
    url: str
    max_bytes: int


def submit(
    owner_id: int,
    kind: str,
    recipes: Sequence[Recipe],
    sources: Sequence[NewSource],
    *,
    webhook_url: str = "",
    keeps_originals: bool = True,
) -> Job:
    """Writes a job with images that are still to be fetched, in three INSERTs; call it in a transaction."""
    job = begin(owner_id, kind, recipes, len(sources), webhook_url=webhook_url)
    images = [_image(job, source, keeps_original=keeps_originals) for source in sources]
    insert(images)
    Source.objects.bulk_create(
        [
            Source(image=image, url=source.url, max_bytes=source.max_bytes)
            for image, source in zip(images, sources, strict=True)
        ],
        batch_size=5000,
    )
    transaction.on_commit(lambda: wake(FETCH_TASK, FETCH))
    return job


def _image(job: Job, source: NewSource, *, keeps_original: bool) -> Image:
    return Image(
        id=uuid7(),
        job=job,
        owner_id=job.owner_id,
        uploaded_at=job.created_at,
        queue=Queue.FETCH,
        waits=Waits.FETCH,
        index=source.index,
        name=source.name,
        size=0,
        checksum="",
        content_type="",
        width=0,
        height=0,
        key=storage.new_key(),
        has_original=False,
        keeps_original=keeps_original,
    )


def work() -> int:
    """Fetches what waits until nothing is left or a slice of time is over; returns how many it took."""
    answered(FETCH_TASK)
    end, count = time.monotonic() + settings.SLICE_SECONDS, 0
    while fetch_next():
        count += 1
        if time.monotonic() > end:
            wake(FETCH_TASK, FETCH)
            break
    return count


def fetch_next() -> bool:
    """Fetches the image that is next; False where there is none."""
    claimed = claim_fetch(timedelta(seconds=settings.FETCH_SECONDS) + _STORING)
    if claimed is None:
        return False
    wake(FETCH_TASK, FETCH)  # one bell is under way at a time: who finds something wakes the next
    image = Image.objects.select_related("source", "job").get(id=claimed.id)
    try:
        with _hosts.place(checked_url(image.source.url).host) as free:
            if free:
                _bring(image)
            else:
                _postpone(image, _BUSY_HOST, counted=False)
    except Interrupted:
        _postpone(image, timedelta(0), counted=False)
    except FetchFailed as error:
        _failed(image, error.code, error.detail, permanent=error.permanent, asked=error.retry_after)
    except ImageFailed as error:
        _failed(image, error.code, error.detail, permanent=error.permanent)
    except OSError as error:
        logger.error("Storage: %s", error)
        _failed(image, "storage_failed", "The storage did not take the file.", permanent=False)
    except Exception:
        logger.exception("image=%s: nobody foresaw this", image.id)
        _failed(image, "internal_error", "Something went wrong on our side.", permanent=False)
    return True


def give_up(most: int) -> int:
    """Fails the images whose every try took a worker with it."""
    lost = Image.objects.filter(
        status=Status.PENDING,
        waits=Waits.FETCH,
        lease_until__lt=Now(),
        attempt__gte=settings.MAX_ATTEMPTS,
    )
    return sum(
        _settle_failed(
            image, "worker_crashed", f"The worker died {image.attempt} times while it fetched this."
        )
        for image in lost[:most]
    )


def _bring(image: Image) -> None:
    """Fetches, looks at the header, stores, hands on. No transaction is open while bytes move."""
    settings.INCOMING_DIR.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=settings.INCOMING_DIR)
    path = Path(name)
    try:
        with os.fdopen(handle, "w+b") as file:
            fetched = http.download(
                image.source.url, file, max_bytes=image.source.max_bytes, seconds=settings.FETCH_SECONDS
            )
            if not fetched.size:
                raise ImageFailed("empty_file", "The file is empty.")
            file.seek(0)
            shape = probe(file, max_pixels=settings.MAX_PIXELS)
            file.flush()
            os.fsync(file.fileno())
        _store(image, path, fetched, shape)
    finally:
        path.unlink(missing_ok=True)


def _store(image: Image, path: Path, fetched: Fetched, shape: Probe) -> None:
    key, kept = storage.new_key(), False
    try:
        storage.put_original(key, path)
        kept = _hand_on(image, key, fetched, shape)
    finally:
        if not kept:
            storage.drop_originals([key])


def _hand_on(image: Image, key: str, fetched: Fetched, shape: Probe) -> bool:
    """Writes what the image is, and sends it to the pixels; whether the bytes under `key` are its own now."""
    with transaction.atomic():
        # Under the account's lock same contents find each other, and the quota is looked at and moved.
        quota.hold(image.owner_id)
        first = _twin(image, fetched.checksum)
        if first is None and not quota.admits(image.owner_id, fetched.size):
            raise ImageFailed("quota_exceeded", "The account's storage is full.")
        waits = first is not None and first.status != Status.COMPLETED
        changed = Image.objects.filter(id=image.id, status=Status.PENDING, lease=image.lease).update(
            size=fetched.size,
            checksum=fetched.checksum,
            content_type=shape.content_type,
            width=shape.width,
            height=shape.height,
            key=first.key if first else key,
            has_original=first.has_original if first else True,
            keeps_original=image.keeps_original or bool(first and first.keeps_original),
            duplicate_of=first,
            attempt=0,
            lease_until=None,
            queue=image.job.queue,
            waits=Waits.TWIN if waits else "",
        )
        if changed and first is None:
            quota.add(image.owner_id, fetched.size)
        elif changed and first and image.keeps_original:
            Image.objects.filter(key=first.key, keeps_original=False).update(keeps_original=True)
        if changed and not waits:
            transaction.on_commit(wake)
    return bool(changed) and first is None


def _twin(image: Image, checksum: str) -> Image | None:
    """The owner's image of these bytes; one that is not finished only where it gets the same renditions."""
    names = wanted(load(image.job.recipes), keeps_originals=image.keeps_original)
    twin = Image.objects.twins(image.owner_id, [checksum], wanted=names).get(checksum)
    if twin and (twin.status == Status.COMPLETED or twin.job_id == image.job_id):
        return twin
    return None


def _failed(image: Image, code: str, detail: str, *, permanent: bool, asked: float | None = None) -> None:
    logger.info("image=%s job=%s not fetched: %s (%s)", image.id, image.job_id, code, detail)
    if permanent or image.attempt >= settings.MAX_ATTEMPTS or (asked or 0) > _LONGEST_WAIT:
        _settle_failed(image, code, detail)
        return
    pause = _PAUSES[min(image.attempt, len(_PAUSES)) - 1] * random.uniform(0.8, 1.2)
    _postpone(image, timedelta(seconds=max(pause, asked or 0)), counted=True)


def _settle_failed(image: Image, code: str, detail: str) -> bool:
    with transaction.atomic():
        held = Image.objects.filter(id=image.id, status=Status.PENDING, lease=image.lease)
        if not held.update(status=Status.PROCESSING, lease_until=None):
            return False
        settle([Outcome(image.id, image.lease or 0, Status.FAILED, error_code=code, error_detail=detail)])
    return True


def _postpone(image: Image, wait: timedelta, *, counted: bool) -> None:
    """Back for another try; the sweeper sends it when the wait is over."""
    Image.objects.filter(id=image.id, status=Status.PENDING, lease=image.lease).update(
        lease_until=Now() + wait, attempt=F("attempt") - int(not counted)
    )


class _Hosts:
    """Places at each host, so that one is not flooded, and a slow one can't take every thread for long."""

    def __init__(self) -> None:
        self._taken: Counter[str] = Counter()
        self._changed = threading.Condition()

    @contextmanager
    def place(self, host: str) -> Iterator[bool]:
        """Yields False where none got free in time."""
        with self._changed:
            free = self._changed.wait_for(lambda: self._taken[host] < settings.FETCH_PER_HOST, _PATIENCE)
            self._taken[host] += free
        try:
            yield free
        finally:
            with self._changed:
                self._taken[host] -= free
                if not self._taken[host]:
                    del self._taken[host]
                self._changed.notify_all()


_hosts = _Hosts()
