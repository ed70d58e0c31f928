"""One request's bytes on their way into an upload, while it holds the lease."""

from __future__ import annotations

import hashlib
import time
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

from django.db import Error as DatabaseError

from processing.imaging import ImageFailed
from processing.imaging.reading.formats import HEAD_BYTES, read_head
from uploads.intake.refusals import Refused
from uploads.resumable import completion, refusals, resource
from uploads.resumable.pieces import BytesLost, place
from uploads.resumable.running_hash import resume

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType
    from typing import Self

    from processing.accounts.models import User
    from processing.models import ResumableUpload
    from uploads.resumable.resource import Append

_RENEW_SECONDS = 2.0  # of a lease of five
ALGORITHMS = ("sha1", "sha256")


class Checksum:
    """What a request says its body's digest is: nothing of it is kept where that isn't so."""

    def __init__(self, algorithm: str, digest: bytes, refusal: Refused) -> None:
        self._running: Any = hashlib.new(algorithm, usedforsecurity=False)
        self._digest = digest
        self._refusal = refusal

    def update(self, data: bytes) -> None:
        self._running.update(data)

    def check(self) -> None:
        if self._running.digest() != self._digest:
            raise self._refusal


class Writer:
    """The only one who writes to this upload. A context: whatever happens in it, the lease is let go.

    `feed` what comes, then `finish`, or `break_off` where the body ended early: what came stays.
    """

    def __init__(
        self, owner: User, upload: ResumableUpload, wanted: Append, checksum: Checksum | None = None
    ) -> None:
        self.upload = upload
        self._owner = owner
        self._wanted = wanted
        self._checksum = checksum
        self._position = upload.offset
        self._hash = resume(bytes(upload.sha256), upload.offset)
        self._place = place()
        self._flushed = self._said = time.monotonic()

    def __enter__(self) -> Self:
        try:
            self._pieces = self._place.open(self.upload)
        except BytesLost as error:
            raise completion.lose(self.upload) from error
        except BaseException:
            self._let_go()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            # Where the database broke off, it may have taken the offset: what is too much the next one cuts.
            if not isinstance(error, DatabaseError):
                with suppress(OSError):
                    self._pieces.cut(self.upload.offset)
            self._let_go()
        self._pieces.close()

    def _let_go(self) -> None:
        with suppress(DatabaseError):  # the lease ends by itself
            resource.release(self.upload)

    def feed(self, data: bytes) -> None:
        """Takes some of the body. Raises Refused, OSError where the disk is full."""
        before, self._position = self._position, self._position + len(data)
        self._refuse_too_long()
        self._pieces.write(data)
        if self._hash:
            self._hash.update(data)
        if self._checksum:
            self._checksum.update(data)
        if before < HEAD_BYTES <= self._position:
            self._refuse_other_files()
        self._stay()

    def finish(self) -> None:
        """The body is there as a whole. Completes the upload where that is its end."""
        if self._checksum:
            self._checksum.check()
        if self._is_whole():
            self._refuse_shorter()
            path, size = self._whole(), self._position
            checksum = self._hash.hexdigest() if self._hash else None
            completion.settle(self._owner, self.upload, path, size=size, checksum=checksum)
        else:
            self._advance(lets_go=True)

    def break_off(self) -> None:
        """The connection broke: what came stays, unless it was to be checked as a whole."""
        if self._checksum:
            self._position = self.upload.offset
            self._pieces.cut(self._position)
            resource.release(self.upload)
        else:
            self._advance(lets_go=True)

    def _is_whole(self) -> bool:
        if self.upload.is_partial:
            return False
        if self._wanted.completes is None:
            return self._position == self.upload.length
        return self._wanted.completes

    def _stay(self) -> None:
        """Makes what came safe from time to time, and keeps the lease meanwhile."""
        now, unsafe = time.monotonic(), self._position - self.upload.offset
        is_due = unsafe >= self._place.flush_bytes or now - self._flushed >= self._place.flush_seconds
        goes_on = self._position != self.upload.length or self.upload.is_partial
        if is_due and goes_on and not self._checksum:
            self._flushed = self._said = now
            self._advance(lets_go=False)
        elif now - self._said >= _RENEW_SECONDS:
            self._said = now
            resource.renew(self.upload)

    def _advance(self, *, lets_go: bool) -> None:
        self._sync()
        state = self._hash.state() if self._hash else b""
        resource.advance(self.upload, self._position, state, lets_go=lets_go)

    def _sync(self) -> None:
        try:
            self._pieces.sync()
        except BytesLost as error:
            raise completion.lose(self.upload) from error

    def _whole(self) -> Path:
        try:
            return self._pieces.whole(partial(resource.renew, self.upload))
        except BytesLost as error:
            raise completion.lose(self.upload) from error

    def _refuse_too_long(self) -> None:
        length = self.upload.length
        if length is not None and self._position > length:
            raise self._too_long(length)
        resource.refuse_too_large(self._owner, self._position)

    def _too_long(self, length: int) -> Refused:
        """By the draft the upload is dead then; by tus the request is refused, and nothing of it kept."""
        if self.upload.protocol == self.upload.Protocol.TUS:
            return refusals.too_long(length, self._position)
        told = refusals.inconsistent_length(length, self._position)
        outcome = refusals.Outcome(400, told.code, str(told.detail), **told.members)
        return completion.refuse(self.upload, outcome)

    def _refuse_shorter(self) -> None:
        length = self.upload.length
        if length is not None and self._position != length:
            raise refusals.inconsistent_length(length, self._position)

    def _refuse_other_files(self) -> None:
        """Sixty-four bytes are enough to see that it is no picture; the rest need not come."""
        if self.upload.is_partial:
            return
        try:
            read_head(self._pieces.reader())
        except ImageFailed as error:
            refusal = refusals.Outcome(422, error.code, error.detail)
            raise completion.refuse(self.upload, refusal) from error
