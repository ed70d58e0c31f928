"""A request's body goes into an upload: what both doors do with theirs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from uploads.intake.refusals import Refused
from uploads.resumable import resource
from uploads.resumable.refusals import Outcome
from uploads.resumable.writing import Writer

if TYPE_CHECKING:
    import uuid
    from collections.abc import Callable

    from django.http import HttpResponseBase

    from processing.accounts.models import User
    from processing.models import ResumableUpload
    from uploads.resumable.resource import Append
    from uploads.resumable.writing import Checksum

    Answer = Callable[[ResumableUpload], HttpResponseBase]


class Transfer:
    """One body on its way: it is given piece by piece (a sink of uploads.api.streamed_body).

    It holds the upload's lease from its beginning. `interim`: headers that tell the client its address before
    the body is taken. `forgets`: the upload was created by this very request, which did not tell the address
    yet: where it fails, nobody can go on with it.
    """

    def __init__(self, writer: Writer, answer: Answer, interim: dict[str, str], *, forgets: bool) -> None:
        self._writer = writer.__enter__()
        self._answer = answer
        self._forgets = forgets and not interim
        self.interim = interim
        self._ended = False

    def write(self, data: bytes) -> None:
        """Raises Refused, OSError; nothing more is taken then."""
        try:
            self._writer.feed(data)
        except BaseException as error:
            self._end(error)
            raise

    def finish(self) -> HttpResponseBase:
        """All is there: the answer, with what became of the upload. Raises Refused, OSError."""
        try:
            self._writer.finish()
        except BaseException as error:
            self._end(error)
            raise
        self._end(None)
        return self._answer(self._writer.upload)

    def abandon(self) -> None:
        """The connection broke: what came stays."""
        if self._ended:
            return
        try:
            self._writer.break_off()
        except BaseException as error:
            self._end(error)
            raise
        self._end(None)
        if self._forgets:
            resource.terminate(self._writer.upload)

    def _end(self, error: BaseException | None) -> None:
        self._ended = True
        self._writer.__exit__(type(error) if error else None, error, None)
        if self._forgets and isinstance(error, Refused) and not isinstance(error, Outcome):
            resource.terminate(self._writer.upload)


def append(
    owner: User,
    upload_id: uuid.UUID,
    wanted: Append,
    answer: Answer,
    checksum: Checksum | None = None,
) -> Transfer:
    """Takes the upload's lease for this request. Raises Refused, AlreadyWhole where nothing is missing."""
    upload = resource.take(owner, upload_id, wanted)
    return Transfer(Writer(owner, upload, wanted, checksum), answer, {}, forgets=False)


def begin(
    owner: User,
    upload: ResumableUpload,
    wanted: Append,
    answer: Answer,
    checksum: Checksum | None,
    *,
    forgets: bool,
    interim: dict[str, str] | None = None,
) -> Transfer:
    """The body that comes with the creation, whose request holds the lease already. Raises Refused."""
    resource.refuse_misfit(owner, upload, wanted)
    return Transfer(Writer(owner, upload, wanted, checksum), answer, interim or {}, forgets=forgets)
