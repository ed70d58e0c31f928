"""Partial uploads, sent side by side, become one: their bytes in the order named, then the intake."""

from __future__ import annotations

import re
import uuid
from functools import partial
from typing import TYPE_CHECKING

from processing.models import ResumableUpload
from uploads.intake.refusals import Refused
from uploads.resumable import completion, resource
from uploads.resumable.pieces import BytesLost, place
from uploads.resumable.resource import Append, State
from uploads.resumable.running_hash import resume

if TYPE_CHECKING:
    from collections.abc import Sequence

    from processing.accounts.models import User
    from uploads.resumable.pieces import Pieces

_ADDRESS = re.compile(r"(?:https?://[^/\s]+)?/api/uploads/([0-9a-fA-F-]{36})/?")
_MOST = 1000
_PIECE = 1024 * 1024
_RENEW = 32 * _PIECE


def parts_of(owner: User, concat: str) -> list[ResumableUpload]:
    """The partial uploads that `final;URL URL` names, each whole. Raises Refused: 400, 404, 409."""
    ids = [_id(address) for address in concat.partition(";")[2].split()]
    if not ids or len(ids) > _MOST or len(ids) != len(set(ids)):
        raise malformed()
    found = {
        part.id: part for part in ResumableUpload.objects.filter(owner=owner, id__in=ids, state=State.OPEN)
    }
    parts = [found[each] if each in found else resource.find(owner, each) for each in ids]
    if any(not part.is_partial or part.state != State.OPEN for part in parts):
        detail = "Only partial uploads that are in no other one yet can be put together."
        raise Refused(409, "upload_not_partial", detail, attr="Upload-Concat")
    if any(part.offset != part.length for part in parts):
        detail = "One of the partial uploads is not whole yet; send its rest first."
        raise Refused(409, "partial_unfinished", detail, attr="Upload-Concat", retry_after=1)
    return parts


def malformed() -> Refused:
    detail = "Upload-Concat is `partial`, or `final;` with the addresses of whole partial uploads."
    return Refused(400, "invalid_upload_concat", detail, attr="Upload-Concat")


def _id(address: str) -> uuid.UUID:
    match = _ADDRESS.fullmatch(address)
    if match is None:
        raise malformed()
    try:
        return uuid.UUID(match[1])
    except ValueError:
        raise malformed() from None


def put_together(owner: User, upload: ResumableUpload, parts: Sequence[ResumableUpload]) -> ResumableUpload:
    """Makes the final upload's file of its parts', and takes it in. Raises Refused."""
    upload = resource.take(owner, upload.id, Append(0, None, joins=True))
    try:
        file = place().after(upload, parts[0])
        try:
            checksum = _join(upload, parts, file)
            path, size = file.whole(partial(resource.renew, upload)), sum(part.offset for part in parts)
            completion.settle(owner, upload, path, size=size, checksum=checksum, parts=parts)
        finally:
            file.close()
    except BytesLost as error:
        resource.end(upload, State.TERMINATED)
        (lost,) = (part for part in parts if part.id == error.upload_id)
        raise completion.lose(lost) from error
    except BaseException:
        resource.end(upload, State.TERMINATED)
        raise
    return upload


def _join(upload: ResumableUpload, parts: Sequence[ResumableUpload], file: Pieces) -> str | None:
    """Writes the later parts behind the first, whose file this is another name of; returns the SHA-256."""
    running, unsaid = resume(bytes(parts[0].sha256), parts[0].offset), 0
    for part in parts[1:]:
        for piece in place().read(part, _PIECE):
            file.write(piece)
            if running:
                running.update(piece)
            unsaid += len(piece)
            if unsaid >= _RENEW:
                unsaid = 0
                resource.renew(upload)
    return running.hexdigest() if running else None
