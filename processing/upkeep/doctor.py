"""What must hold between rows and files, looked at on a running installation.

The checks have the numbers of the promise: I1 every upload has its bytes, I3 each rendition is there once and
whole, I6 a job's counters equal its rows, I7 no file is without a row.
"""

from __future__ import annotations

import hashlib
import logging
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from django.core.files.storage import storages
from django.db import connection, transaction

from processing.accounts import quota
from processing.accounts.models import User
from processing.accounts.recipes import known_to
from processing.files import storage
from processing.jobs.recipes import load, merged
from processing.ledger import move_counters
from processing.models import UNFINISHED, Discard, Image, Job, Status
from processing.queue.claims import Claim
from processing.upkeep import orphans, recount
from processing.webhooks.outbox import enqueue
from processing.worker.pipeline import develop

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import timedelta

logger = logging.getLogger(__name__)
_AT_ONCE = 1000

# Rows that are gone were purged, and counted when they went. A derive job counts derivations, not images.
_MISCOUNTED = """
SELECT * FROM (
    SELECT j.id, j.total - (j.open_until IS NOT NULL)::int AS total, j.completed, j.failed, j.aborted,
        j.purged, count(i.id) AS rows,
        count(i.id) FILTER (WHERE i.status = 'completed') AS rows_completed,
        count(i.id) FILTER (WHERE i.status = 'failed') AS rows_failed,
        count(i.id) FILTER (WHERE i.status = 'aborted') AS rows_aborted
    FROM processing_job j LEFT JOIN processing_image i ON i.job_id = j.id
    WHERE j.kind <> 'derive' GROUP BY j.id
) counted
WHERE rows + purged <> total
   OR rows - rows_completed - rows_failed - rows_aborted <> total - completed - failed - aborted
   OR rows_completed > completed OR rows_failed > failed OR rows_aborted > aborted
"""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that does not hold; `fix` says whether it could mend it, None is for what nobody can."""

    invariant: str
    text: str
    fix: Callable[[], bool] | None = None


def findings(*, deep: bool, older_than: timedelta) -> Iterator[Finding]:
    """All that does not hold. With `deep` every file is read, and compared by its SHA-256."""
    yield from missing_originals(deep=deep)
    yield from broken_renditions(deep=deep)
    yield from miscounted_jobs()
    yield from miscounted_accounts()
    yield from orphan_files(older_than)


def missing_originals(*, deep: bool) -> Iterator[Finding]:
    """I1. Lost bytes do not come back; the fix only stops to offer them."""
    images = Image.objects.filter(has_original=True).order_by("id")
    for image in images.iterator(chunk_size=_AT_ONCE):
        wrong = _compare("originals", storage.original_name(image.key), image.size, image.checksum, deep=deep)
        if wrong and _stands("originals", image):
            yield Finding("I1", f"image {image.id}: its original {wrong}", partial(_forget_original, image))


def broken_renditions(*, deep: bool) -> Iterator[Finding]:
    """I3."""
    images = Image.objects.filter(status=Status.COMPLETED).select_related("job").order_by("id")
    for image in images.iterator(chunk_size=_AT_ONCE):
        names = [rendition["name"] for rendition in image.renditions]
        if len(names) != len(set(names)):
            yield Finding("I3", f"image {image.id}: a rendition is there twice")
        for rendition in image.renditions:
            name = storage.rendition_name(image.key, rendition["file"])
            digest = rendition["file"].split(".")[1]
            wrong = _compare("renditions", name, rendition["size"], digest, deep=deep)
            if wrong and _stands("renditions", image):
                text = f"image {image.id}: its rendition {rendition['name']} {wrong}"
                yield Finding("I3", text, partial(_make_again, image, rendition))


def miscounted_jobs() -> Iterator[Finding]:
    """I6."""
    with connection.cursor() as cursor:
        cursor.execute(_MISCOUNTED)
        columns = [column.name for column in cursor.description or ()]
        jobs = [dict(zip(columns, row, strict=True)) for row in cursor.fetchall()]
    for job in jobs:
        said = ", ".join(f"{name} {job[name]}" for name in columns[1:6])
        found = ", ".join(f"{name.removeprefix('rows_')} {job[name]}" for name in columns[7:])
        text = f"job {job['id']} says {said}; it has {job['rows']} rows: {found}"
        yield Finding("I6", text, partial(_count_again, job) if job["rows"] == job["total"] else None)


def miscounted_accounts() -> Iterator[Finding]:
    """I6, for the bytes an account uses. An upload between the two looks is found right at the second."""
    for owner_id, _, _ in recount.miscounted():
        for _, said, found in recount.miscounted(owner_id):
            text = f"account {owner_id} says {said:,} bytes are used; its rows hold {found:,}"
            yield Finding("I6", text, partial(recount.recount, owner_id))


def orphan_files(older_than: timedelta) -> Iterator[Finding]:
    """I7."""
    for orphan in orphans.orphans(older_than):
        on_its_way_out = Discard.objects.filter(store=orphan.store, name=orphan.name)
        if not on_its_way_out.exists():
            text = f"{orphan.store}/{orphan.name}: no row names it"
            yield Finding("I7", text, partial(orphans.drop, orphan))


def _compare(store: str, name: str, size: int, digest: str, *, deep: bool) -> str:
    """What is wrong with a file; nothing where it is whole. `digest` may be the beginning of one."""
    try:
        found = storages[store].size(name)
        if found != size:
            return f"has {found} bytes, not {size}"
        if deep:
            with storages[store].open(name, "rb") as file:
                if not hashlib.file_digest(file, "sha256").hexdigest().startswith(digest):
                    return "has other bytes than it had"
    except FileNotFoundError:
        return "is missing"
    return ""


def _stands(store: str, image: Image) -> bool:
    """Whether the row still says what the file belied: in a living installation images go meanwhile."""
    now = Image.objects.filter(id=image.id).first()
    if now is None:
        return False
    return now.has_original if store == "originals" else now.renditions == image.renditions


def _forget_original(image: Image) -> bool:
    with transaction.atomic():
        quota.hold(image.owner_id)
        rows = Image.objects.filter(key=image.key, has_original=True).exclude(status__in=UNFINISHED)
        forgotten = rows.update(has_original=False)
        if forgotten and not Image.objects.filter(key=image.key, has_original=True).exists():
            quota.give_back(image.owner_id, image.size)
    return bool(forgotten)


def _recipes_of(image: Image, missing: dict[str, Any]) -> list[dict[str, Any]]:
    """The missing one's recipe as it is now, where it is the account's or the plan's; else the job's."""
    owner = User.objects.select_related("plan").get(id=image.owner_id)
    known = merged(known_to(owner), load(image.job.recipes))
    return [recipe.to_json() for recipe in known if recipe.name == missing["name"]]


def _make_again(image: Image, missing: dict[str, Any]) -> bool:
    """The same picture and the same recipe give the same bytes, under the same name."""
    outcome = develop(Claim(image, _recipes_of(image, missing), twin=None))
    return outcome is not None and missing["file"] in [made["file"] for made in outcome.renditions]


def _count_again(job: dict[str, Any]) -> bool:
    """Sets the counters to what the rows say, and tells it as an event."""
    with transaction.atomic():
        now = Job.objects.select_for_update().get(id=job["id"])
        states = list(Image.objects.filter(job=now).values_list("status", flat=True))
        change = {
            name: states.count(name) - getattr(now, name) for name in ("completed", "failed", "aborted")
        }
        if len(states) != now.total or not any(change.values()):
            return False
        enqueue(move_counters([{"job_id": str(now.id), **change, "images": "[]"}]), [])
    return True
