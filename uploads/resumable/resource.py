"""The upload as both protocols see it: created, leased to one writer at a time, ended.

Every change of a row is one conditional UPDATE, whose condition is the fence: a writer whose lease another
has taken over changes nothing any more. Raises Refused with the status and code that a client is told.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone

from processing.accounts import quota
from processing.accounts.models import Plan, User
from processing.models import ResumableUpload
from processing.plumbing import metrics
from uploads.intake.refusals import Refused
from uploads.resumable import refusals
from uploads.resumable.pieces import place

if TYPE_CHECKING:
    from typing import NoReturn

State = ResumableUpload.State

# Short, because a client that lost its connection tries again within seconds, and long enough for a disk
# that is slow to take a few MiB. A writer whose lease lapsed tears nothing: see pieces.
LEASE = timedelta(seconds=5)


@dataclass(frozen=True, slots=True)
class Wanted:
    """An upload that a client asks for, its values checked; `length` in bytes, None while unknown."""

    protocol: str
    length: int | None
    name: str
    more: dict[str, Any] = field(default_factory=dict)


def create(owner: User, wanted: Wanted, *, counted: int = 0, leased: bool = False) -> ResumableUpload:
    """Writes the row of a new upload. Raises Refused: 413 where it can't fit, 429 for too many at once.

    `counted`: bytes of it that count towards the quota already. `leased`: this request writes to it, too.
    """
    if wanted.length is not None:
        refuse_too_large(owner, wanted.length)
        refuse_over_quota(owner, wanted.length - counted)
    count = ResumableUpload.objects.filter(owner=owner, state=State.OPEN).count()
    if count >= settings.OPEN_UPLOADS:
        raise refusals.too_many(settings.OPEN_UPLOADS, count + 1, owner.plan)
    now = timezone.now()
    lease = {"writer": uuid.uuid4(), "writer_until": now + LEASE} if leased else {}
    metrics.add("imageapi_resumable_uploads_total", event="created")
    return ResumableUpload.objects.create(
        owner=owner,
        protocol=wanted.protocol,
        length=wanted.length,
        name=wanted.name,
        created_at=now,
        updated_at=now,
        expires_at=now + owner.plan.upload_lifetime,
        **lease,
        **wanted.more,
    )


def refuse_too_large(owner: User, length: int) -> None:
    if length > owner.plan.max_file_bytes:
        raise refusals.file_too_large(length, owner.plan)


def refuse_over_quota(owner: User, more: int) -> None:
    if owner.used_bytes + more > owner.plan.storage_quota_bytes:
        raise refusals.over_quota(owner.used_bytes, more, owner.plan)


def find(owner: User, upload_id: uuid.UUID) -> ResumableUpload:
    """The account's upload, whatever became of it. Raises Refused: 404 for another's, 410 for a gone one."""
    upload = ResumableUpload.objects.filter(id=upload_id, owner=owner).first()
    if upload is None:
        raise refusals.not_found()
    if upload.state == State.TERMINATED:
        raise refusals.terminated()
    if upload.state == State.EXPIRED or (upload.state == State.OPEN and upload.expires_at <= timezone.now()):
        raise refusals.expired()
    return upload


_TAKE = """
UPDATE processing_resumableupload
SET generation = generation + (writer IS NOT NULL)::int, writer = %(me)s,
    writer_until = now() + %(lease)s, length = coalesce(length, %(length)s)
WHERE id = %(id)s AND owner_id = %(owner)s AND state = 'open' AND expires_at > now()
  AND "offset" = %(at)s AND (length IS NULL OR %(length)s IS NULL OR length = %(length)s)
  AND (length IS NULL OR "offset" < length OR %(completes)s) AND (concat LIKE 'final%%') = %(joins)s
  AND (writer IS NULL OR writer_until < now() OR %(steals)s)
RETURNING *
"""


@dataclass(frozen=True, slots=True)
class Append:
    """What a request wants to add: from offset `at` on, `size` bytes where it says how many.

    `length`: of the whole upload, where the request tells it. `completes`: that its end is the upload's;
    None where the length alone says so. `steals`: that it ends the writer before it. `joins`: that it puts a
    final upload together, which takes no other bytes.
    """

    at: int
    size: int | None
    length: int | None = None
    completes: bool | None = None
    steals: bool = False
    joins: bool = False


def take(owner: User, upload_id: uuid.UUID, wanted: Append) -> ResumableUpload:
    """Gives the upload's lease to this request. Raises Refused: what `find` does, 403, 409, 423, 400."""
    if wanted.length is not None:
        refuse_too_large(owner, wanted.length)
    values = {
        "me": uuid.uuid4(),
        "lease": LEASE,
        "length": wanted.length,
        "id": upload_id,
        "owner": owner.id,
        "at": wanted.at,
        "completes": bool(wanted.completes),
        "steals": wanted.steals,
        "joins": wanted.joins,
    }
    found = list(ResumableUpload.objects.raw(_TAKE, values))
    if not found:
        _say_why_not(find(owner, upload_id), wanted)
    upload = found[0]
    if upload.generation or upload.offset:
        metrics.add("imageapi_resumable_uploads_total", event="resumed")
    refuse_misfit(owner, upload, wanted)
    return upload


def refuse_misfit(owner: User, upload: ResumableUpload, wanted: Append) -> None:
    """Looks at the plan as it is now, and at what the request says it carries; lets go of what it refuses."""
    try:
        _refuse_misfit(owner, upload, wanted)
    except Refused:
        release(upload)
        raise


def _refuse_misfit(owner: User, upload: ResumableUpload, wanted: Append) -> None:
    end = wanted.at + (wanted.size or 0)
    refuse_too_large(owner, max(end, upload.length or 0))
    if upload.length is not None and end > upload.length and upload.protocol == ResumableUpload.Protocol.TUS:
        raise refusals.too_long(upload.length, end)


def _say_why_not(upload: ResumableUpload, wanted: Append) -> NoReturn:
    if upload.refusal:
        raise refusals.again(upload)
    if upload.is_final:
        raise refusals.final()
    if is_written(upload):
        raise refusals.locked()
    end = wanted.at + (wanted.size or 0)
    if upload.state == State.COMPLETED and wanted.completes and end == upload.offset:
        raise AlreadyWhole(upload)
    if upload.offset != wanted.at:
        raise refusals.mismatching_offset(upload.offset, wanted.at)
    if wanted.length is not None and upload.length is not None and wanted.length != upload.length:
        raise refusals.inconsistent_length(upload.length, wanted.length)
    if upload.length is not None and end > upload.length:
        raise refusals.too_long(upload.length, end)
    raise AlreadyWhole(upload)


def is_written(upload: ResumableUpload) -> bool:
    """Whether a request writes to it now."""
    until = upload.writer_until if upload.writer and upload.state == State.OPEN else None
    return until is not None and until > timezone.now()


class AlreadyWhole(Exception):
    """Nothing is missing of the upload any more; the answer is the one it had."""

    def __init__(self, upload: ResumableUpload) -> None:
        super().__init__(upload.id)
        self.upload = upload


def mine(upload: ResumableUpload) -> Any:
    """The row, as long as this writer holds its lease."""
    return ResumableUpload.objects.filter(id=upload.id, writer=upload.writer, state=State.OPEN)


_ADVANCE = f"""
WITH moved AS (
    UPDATE processing_resumableupload
    SET "offset" = %(to)s, sha256 = %(sha256)s, updated_at = now(), writer_until = now() + %(lease)s,
        writer = CASE WHEN %(lets_go)s THEN NULL ELSE writer END
    WHERE id = %(id)s AND writer = %(me)s AND state = 'open' AND "offset" = %(from)s
    RETURNING owner_id
)
UPDATE {User._meta.db_table} u SET used_bytes = u.used_bytes + %(to)s - %(from)s
FROM moved, {Plan._meta.db_table} p WHERE u.id = moved.owner_id AND p.id = u.plan_id
  AND u.used_bytes + %(to)s - %(from)s <= p.storage_quota_bytes
"""  # noqa: S608  (the names are our own)


def advance(upload: ResumableUpload, to: int, sha256: bytes, *, lets_go: bool = False) -> None:
    """Says that `to` bytes are on the disk, and counts them; `upload` moves along.

    Raises Refused: 413 where the quota has no room for them, 423 where the lease is another's by now.
    """
    if to == upload.offset:
        renew(upload, lets_go=lets_go)
        return
    values: dict[str, Any] = {
        "to": to,
        "from": upload.offset,
        "sha256": sha256,
        "id": upload.id,
        "me": upload.writer,
        "lease": LEASE,
        "lets_go": lets_go,
    }
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(_ADVANCE, values)
            moved = cursor.rowcount
        if not moved:
            _say_why_stuck(upload, to)
    metrics.add("imageapi_resumable_bytes_total", to - upload.offset)
    upload.offset, upload.sha256 = to, sha256


def renew(upload: ResumableUpload, *, lets_go: bool = False) -> None:
    """Renews the lease, or ends it, with nothing to add. Raises Refused where it is another's by now."""
    values = {"writer": None} if lets_go else {"writer_until": timezone.now() + LEASE}
    if not mine(upload).update(**values):
        raise refusals.lost(upload)


def _say_why_stuck(upload: ResumableUpload, to: int) -> NoReturn:
    if not ResumableUpload.objects.filter(id=upload.id, offset=to).exists():
        raise refusals.lost(upload)
    owner = User.objects.select_related("plan").get(id=upload.owner_id)
    raise refusals.over_quota(owner.used_bytes, to - upload.offset, owner.plan)


def release(upload: ResumableUpload) -> None:
    """Lets go of the lease; nothing where another has it."""
    mine(upload).update(writer=None)


def expel(upload: ResumableUpload) -> ResumableUpload:
    """Ends whoever writes now, so that the offset told stays the offset: the next file is another."""
    ResumableUpload.objects.filter(id=upload.id, writer=upload.writer, state=State.OPEN).update(
        writer=None, generation=upload.generation + 1
    )
    return ResumableUpload.objects.get(id=upload.id)


def end(upload: ResumableUpload, state: str, **values: Any) -> bool:
    """Closes an open upload: its bytes are counted no more, and go. False where it was not open any more."""
    with transaction.atomic():
        row = ResumableUpload.objects.select_for_update().filter(id=upload.id, state=State.OPEN).first()
        if row is None:
            return False
        values = {"state": state, "writer": None, "updated_at": timezone.now(), **values}
        ResumableUpload.objects.filter(id=row.id).update(**values)
        quota.give_back(row.owner_id, row.offset)
        transaction.on_commit(lambda: place().drop(row))
    metrics.add("imageapi_resumable_uploads_total", event=state)
    return True


def terminate(upload: ResumableUpload) -> None:
    """The client wants it no more. One that is an image already stays that image."""
    if not end(upload, State.TERMINATED):
        ResumableUpload.objects.filter(id=upload.id).update(state=State.TERMINATED)
