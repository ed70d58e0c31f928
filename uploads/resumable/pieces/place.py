"""What both places offer in which unfinished uploads lie: a disk, and a bucket."""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from uuid import UUID

    from processing.models import ResumableUpload


class BytesLost(Exception):
    """What was acknowledged of an upload is not there any more: somebody removed it."""

    def __init__(self, upload_id: UUID) -> None:
        super().__init__(upload_id)
        self.upload_id = upload_id


class Pieces(Protocol):
    """An upload's bytes, open to be written on. What lay behind its offset was never acknowledged."""

    def write(self, data: bytes) -> None:
        """Writes on. Raises OSError where the disk is full."""

    def reader(self) -> BinaryIO:
        """The beginning, for a look at what it is."""

    def sync(self) -> None:
        """All of it is safe when this returns. Raises BytesLost, OSError."""

    def cut(self, offset: int) -> None:
        """Gives back the room of what is not to stay."""

    def whole(self, renew: Callable[[], None]) -> Path:
        """All of it as one file on the disk, for the intake; `renew` is called while that takes time."""

    def close(self) -> None: ...


class Place(Protocol):
    """Where unfinished uploads lie. A writer makes them safe each `flush_bytes`, or `flush_seconds`."""

    flush_bytes: int
    flush_seconds: float

    def open(self, upload: ResumableUpload) -> Pieces:
        """For the writer that holds the lease. Raises BytesLost where less is there than was acknowledged."""

    def after(self, upload: ResumableUpload, first: ResumableUpload) -> Pieces:
        """A new upload's, beginning with all of another's, which stays as it is. Raises BytesLost."""

    def read(self, upload: ResumableUpload, piece: int) -> Iterator[bytes]:
        """What was acknowledged of an upload that nobody writes to. Raises BytesLost."""

    def holds(self, upload: ResumableUpload) -> bool:
        """Whether what was acknowledged is there."""

    def drop(self, upload: ResumableUpload) -> None:
        """Removes all that lies there of an upload."""

    def drop_left(self, before: float, among: Callable[[set[str]], list[ResumableUpload]]) -> int:
        """Removes what was written before that time for no open upload; returns how many files.

        `among` gives the open uploads of some ids, in hex.
        """
