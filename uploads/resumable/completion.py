"""A whole upload becomes an image: the intake of every other file, once."""

from __future__ import annotations

import hashlib
import os
import secrets
from functools import partial
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.utils import timezone

from processing.accounts import quota
from processing.accounts.recipes import UnknownRecipe, named
from processing.models import Job, ResumableUpload
from processing.plumbing import metrics
from uploads.intake import intake
from uploads.intake.receiving import Received
from uploads.resumable import refusals
from uploads.resumable.pieces import place
from uploads.resumable.resource import State, is_written, mine

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from processing.accounts.models import User
    from processing.imaging.recipes import Recipe
    from uploads.intake.intake import Receipt
    from uploads.intake.refusals import Refused

# What a refusal of the single upload answers; here a file that is none of ours is unprocessable.
_STATUS = {"empty_file": 400, "file_too_large": 413, "quota_exceeded": 413, "too_many_pixels": 413}


def settle(
    owner: User,
    upload: ResumableUpload,
    path: Path,
    *,
    size: int,
    checksum: str | None,
    parts: Sequence[ResumableUpload] = (),
) -> None:
    """Takes the whole file in, in the name of the writer that holds the lease. Raises Refused.

    The row, the image and the quota change in one transaction: whoever is killed on the way, the bytes that
    were acknowledged before stay, and the last request can be sent again. `parts` are the uploads that it was
    put together from; they end with it.
    """
    checksum = checksum or _digest(path)
    if upload.digest and upload.digest != checksum:
        detail = "The file has another SHA-256 than its client said it has."
        raise refuse(upload, refusals.Outcome(400, "digest_mismatch", detail))
    # The storage takes over a second name of the file: a failure on the way leaves the upload as it was.
    link = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    try:
        os.link(path, link)
    except FileNotFoundError as error:
        raise lose(upload) from error
    whole = Received(upload.name, link, size, checksum, too_large=size > owner.plan.max_file_bytes)
    intake.take_in(
        owner,
        Job.Kind.RESUMABLE,
        [whole],
        webhook_url=upload.webhook_url,
        batch=upload.batch,
        recipes=_recipes(owner, upload),
        before=partial(_close, upload, size, parts),
        inside=partial(_note, upload),
    )
    for each in (upload, *parts):
        place().drop(each)
    if not parts:
        metrics.add("imageapi_resumable_bytes_total", size - upload.offset)
    upload.offset = size
    metrics.add("imageapi_resumable_uploads_total", event=upload.state)
    if upload.refusal:
        raise refusals.again(upload)


def _recipes(owner: User, upload: ResumableUpload) -> Sequence[Recipe]:
    """Those asked for at the creation; one that is gone since is not made."""
    names = list(upload.recipes)
    while names:
        try:
            return named(owner, names)
        except UnknownRecipe as error:
            names.remove(error.name)
    return ()


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _close(upload: ResumableUpload, size: int, parts: Sequence[ResumableUpload]) -> None:
    """Ends the upload as the intake's transaction begins; its bytes are counted as the image's from here."""
    closed = mine(upload).filter(offset=upload.offset)
    if not closed.update(state=State.COMPLETED, offset=size, length=size, writer=None, sha256=b""):
        raise refusals.lost(upload)
    ids = [part.id for part in parts]
    if len(ids) != ResumableUpload.objects.filter(id__in=ids, state=State.OPEN).update(state=State.COMPLETED):
        raise refusals.lost(upload)
    quota.give_back(upload.owner_id, upload.offset + sum(part.offset for part in parts))


def _note(upload: ResumableUpload, receipt: Receipt) -> None:
    if receipt.job is not None:
        image = receipt.images[0]
        values: dict[str, Any] = {"job_id": receipt.job.id, "image_id": image.id}
        upload.state = State.COMPLETED
    else:
        values = {"state": State.REFUSED, "refusal": _refusal(receipt.rejected[0])}
    ResumableUpload.objects.filter(id=upload.id).update(updated_at=timezone.now(), **values)
    for name, value in values.items():
        setattr(upload, name, value)


def _refusal(reason: dict[str, Any]) -> dict[str, Any]:
    members = {name: value for name, value in reason.items() if name in ("limit", "actual", "plan")}
    status = _STATUS.get(reason["code"], 422)
    return {"status": status, "code": reason["code"], "detail": reason["detail"], **members}


def refuse_lost(upload: ResumableUpload) -> None:
    """Ends an open upload whose acknowledged bytes somebody removed: its client is to begin anew."""
    if upload.state == State.OPEN and not is_written(upload) and not place().holds(upload):
        raise lose(upload)


def lose(upload: ResumableUpload) -> Refused:
    return refuse(upload, refusals.bytes_lost())


def refuse(upload: ResumableUpload, refusal: Refused) -> Refused:
    """Ends an upload that can become nothing; every later request gets this refusal again.

    What it gives is to be raised: another refusal where the upload is another writer's by now.
    """
    values = {"state": State.REFUSED, "writer": None, "refusal": refusals.kept(refusal)}
    with transaction.atomic():
        if not mine(upload).update(updated_at=timezone.now(), **values):
            return refusals.lost(upload)
        quota.give_back(upload.owner_id, upload.offset)
    place().drop(upload)
    metrics.add("imageapi_resumable_uploads_total", event=State.REFUSED)
    return refusal
