"""What becomes of received files: checked one by one, stored, written in bulk, handed to the workers."""

from __future__ import annotations

import logging
import threading
from contextlib import nullcontext
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import DatabaseError, transaction

from processing.accounts import quota
from processing.files import storage
from processing.imaging import ImageFailed, Probe, probe
from processing.jobs import lifecycle
from processing.jobs.recipes import merged
from processing.models import Image, Job, NearDuplicates
from uploads.intake.refusals import Refused

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence, Set
    from uuid import UUID

    from processing.accounts.models import Plan, User
    from processing.imaging.recipes import Recipe
    from uploads.intake.receiving import Received


logger = logging.getLogger(__name__)

# The libraries for WebP, AVIF and HEIC take a file whole before they say its size: large ones one at a time.
_LARGE_BYTES = 8 * 1024 * 1024
_large = threading.Lock()


@dataclass(slots=True)
class Receipt:
    """What was accepted, as a job, and what was not, each with its reason."""

    job: Job | None = None
    images: list[Image] = field(default_factory=list)
    rejected: list[dict[str, Any]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Asked:
    """What a request says besides its files."""

    kind: str
    webhook_url: str
    recipes: tuple[Recipe, ...]
    near_duplicates: str
    batch: UUID | None
    before: Callable[[], None] | None
    inside: Callable[[Receipt], None] | None


def take_in(
    owner: User,
    kind: str,
    received: Sequence[Received],
    *,
    webhook_url: str = "",
    recipes: Sequence[Recipe] = (),
    near_duplicates: str = NearDuplicates.ALLOW,
    batch: UUID | None = None,
    before: Callable[[], None] | None = None,
    inside: Callable[[Receipt], None] | None = None,
) -> Receipt:
    """Takes the files in; one bad file never fails the others.

    `recipes` are made beside those of the plan; `near_duplicates` is one of NearDuplicates. With `batch` the
    images join that open job, which has recipes of its own; raises Refused where it is closed.
    `before` and `inside` run in the transaction that writes the rows, at its beginning and at its end: what
    they write is there with them or not at all.
    Every temporary file is gone afterwards, whatever happened.
    """
    receipt = Receipt()
    stored: set[str] = set()
    try:
        files = _examine(owner.plan, received, receipt)
        new = [image for image, _ in files]
        asked = _Asked(kind, webhook_url, tuple(recipes), near_duplicates, batch, before, inside)
        write = partial(_write, owner.id, asked, new, receipt, stored)
        if files:
            _store(files, stored, known=_known(owner.id, owner.plan, new, recipes))
            try:
                write()
            except _TwinGone:
                _store(files, stored, known=set())
                write()
        elif before:
            write()
    except BaseException:
        _drop_unnamed(stored)
        raise
    finally:
        for file in received:
            file.close()
    kept = {image.key for image in receipt.images}
    storage.drop_originals(key for key in stored if key not in kept)
    return receipt


def _examine(
    plan: Plan, received: Sequence[Received], receipt: Receipt
) -> list[tuple[lifecycle.NewImage, Received]]:
    good = []
    for index, file in enumerate(received):
        try:
            shape = examine(file, plan)
        except ImageFailed as error:
            rejected = {"index": index, "name": file.name, "code": error.code, "detail": error.detail}
            if error.code == "file_too_large":
                rejected |= {"limit": plan.max_file_bytes, "actual": file.size, "plan": plan.name}
            receipt.rejected.append(rejected)
            continue
        new = lifecycle.NewImage(
            index=index,
            name=file.name,
            size=file.size,
            checksum=file.checksum,
            content_type=shape.content_type,
            width=shape.width,
            height=shape.height,
            key=storage.new_key(),
        )
        good.append((new, file))
    return good


def examine(file: Received, plan: Plan) -> Probe:
    """Looks at a file's header only. Raises ImageFailed with the code a client is told."""
    if file.too_large:
        raise ImageFailed(
            "file_too_large",
            f"The file has {file.size:,} bytes; the plan {plan.name} allows {plan.max_file_bytes:,}.",
            permanent=True,
        )
    if not file.size:
        raise ImageFailed("empty_file", "The file is empty.", permanent=True)
    with file.path.open("rb") as stream, _large if file.size > _LARGE_BYTES else nullcontext():
        return probe(stream, max_pixels=settings.MAX_PIXELS)


def _store(
    files: Sequence[tuple[lifecycle.NewImage, Received]], stored: set[str], *, known: set[str]
) -> None:
    """Puts each content that is not `known` into the storage once, before any transaction is open."""
    wanted = []
    for new, file in files:
        if new.checksum not in known and new.key not in stored:
            known.add(new.checksum)
            wanted.append((new.key, file.path))
    stored.update(key for key, _ in wanted)  # first: what a failure leaves half done is dropped by name
    storage.put_originals(wanted)


def _known(
    owner_id: int, plan: Plan, files: Sequence[lifecycle.NewImage], recipes: Sequence[Recipe]
) -> set[str]:
    """The checksums of those that need not be stored again."""
    wanted = lifecycle.wanted(merged(plan.recipes(), recipes), keeps_originals=plan.keeps_original)
    return set(Image.objects.twins(owner_id, [file.checksum for file in files], wanted=wanted))


def _write(
    owner_id: int,
    asked: _Asked,
    files: Sequence[lifecycle.NewImage],
    receipt: Receipt,
    stored: Set[str],
) -> None:
    with transaction.atomic():
        if asked.before:
            asked.before()
        # What moves the counter locks the owner's row: same files sent at once find each other under it.
        plan, files, charged, too_many = _charge(owner_id, files, stored, asked.recipes)
        rejected = [*receipt.rejected, *too_many]
        if files:
            job, images = _submit(owner_id, plan, asked, files)
            new = [image for image in images if image.duplicate_of is None]
            if any(image.key not in stored for image in new):
                raise _TwinGone
            quota.give_back(owner_id, charged - sum(image.size for image in new))
            receipt.job, receipt.images = job, images
        receipt.rejected = sorted(rejected, key=lambda item: item["index"])
        if asked.inside:
            asked.inside(receipt)


def _submit(
    owner_id: int, plan: Plan, asked: _Asked, files: Sequence[lifecycle.NewImage]
) -> tuple[Job, list[Image]]:
    keeps = plan.keeps_original
    if not asked.batch:
        recipes, url = merged(plan.recipes(), asked.recipes), asked.webhook_url
        return lifecycle.submit(
            owner_id,
            asked.kind,
            recipes,
            files,
            webhook_url=url,
            keeps_originals=keeps,
            near_duplicates=asked.near_duplicates,
        )
    joined = lifecycle.join(owner_id, asked.batch, files, keeps_originals=keeps)
    if joined is None:
        raise Refused(409, "batch_closed", "This batch is closed: no more images can join it.", attr="batch")
    return joined


def _drop_unnamed(keys: Set[str]) -> None:
    """Removes what was stored for rows that are not there.

    Looked up, because a failure may come after the commit, or leave open whether there was one: a file too
    many is better than a row without its bytes.
    """
    try:
        named = set(Image.objects.filter(key__in=keys).values_list("key", flat=True))
    except DatabaseError as error:
        logger.warning("kept what may be nobody's", extra={"files": len(keys), "error": str(error)})
        return
    storage.drop_originals(key for key in keys if key not in named)


def _charge(
    owner_id: int, files: Sequence[lifecycle.NewImage], stored: Set[str], recipes: Sequence[Recipe]
) -> tuple[Plan, Sequence[lifecycle.NewImage], int, list[dict[str, Any]]]:
    """Counts what is stored anew: all of it, or in order the files that still fit and none of the others.

    Returns the plan, the files, their bytes counted, a rejection for each of the others.
    """
    size = sum(file.size for file in files if file.key in stored)
    plan = quota.take(owner_id, size)
    if plan is not None:
        return plan, files, size, []
    owner = quota.locked(owner_id)
    known = _known(owner_id, owner.plan, files, recipes)
    free, fitting, rejected = owner.plan.storage_quota_bytes - owner.used_bytes, [], []
    for file in files:
        size = 0 if file.checksum in known else file.size
        if size <= max(free, 0):
            known.add(file.checksum)
            free -= size
            fitting.append(file)
        else:
            rejected.append(_over_quota(file, owner))
    charged = owner.plan.storage_quota_bytes - owner.used_bytes - free
    quota.add(owner_id, charged)
    return owner.plan, fitting, charged, rejected


def _over_quota(file: lifecycle.NewImage, owner: User) -> dict[str, Any]:
    limit = owner.plan.storage_quota_bytes
    return {
        "index": file.index,
        "name": file.name,
        "code": "quota_exceeded",
        "detail": f"The file has {file.size:,} bytes; the plan {owner.plan.name} stores {limit:,}, "
        f"and {owner.used_bytes:,} of them are used.",
        "limit": limit,
        "actual": owner.used_bytes + file.size,
        "plan": owner.plan.name,
    }


class _TwinGone(Exception):
    """The image whose bytes were to be shared was deleted between the look and the lock."""
