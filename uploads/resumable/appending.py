"""A request's body goes into an upload: what both doors do with theirs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from uploads.intake.refusals import Refused
from uploads.resumable import resource
from uploads.resumable.writing import Writer

if TYPE_CHECKING:
    import uuid

    from processing.accounts.models import User
    from processing.models import ResumableUpload
    from uploads.resumable.bodies import Body
    from uploads.resumable.resource import Append
    from uploads.resumable.writing import Checksum


def append(
    owner: User, upload_id: uuid.UUID, wanted: Append, body: Body, checksum: Checksum | None = None
) -> ResumableUpload:
    """The upload as it is afterwards. Raises Refused, AlreadyWhole where nothing was missing of it."""
    upload = resource.take(owner, upload_id, wanted)
    with Writer(owner, upload, wanted, checksum) as writer:
        for piece in body:
            writer.feed(piece)
        if body.broke:
            writer.break_off()
        else:
            writer.finish()
    return upload


def begin(
    owner: User, upload: ResumableUpload, wanted: Append, body: Body, checksum: Checksum | None = None
) -> ResumableUpload:
    """The same for the bytes that came with the creation; an upload whose creation is refused is none."""
    try:
        return append(owner, upload.id, wanted, body, checksum)
    except Refused:
        resource.terminate(upload)
        raise
