"""The bytes of an upload that is not whole yet: one file, written on from where it is safe.

Each writer that takes over from one who never let go gets a file of its own, with what was safe copied into
it: however late the other one comes back, it writes where nobody reads.
"""

from __future__ import annotations

import io
import os
import shutil
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from django.conf import settings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from uuid import UUID

    from processing.models import ResumableUpload


class BytesLost(Exception):
    """What was acknowledged of an upload is not there any more: somebody removed it."""

    def __init__(self, upload_id: UUID) -> None:
        super().__init__(upload_id)
        self.upload_id = upload_id


def folder() -> Path:
    return Path(settings.RESUMABLE_DIR)


def path_of(upload_id: UUID, generation: int) -> Path:
    return folder() / f"{upload_id.hex}.{generation}"


def generations(upload_id: UUID) -> list[Path]:
    """The upload's files, the newest first."""
    found = [path for path in folder().glob(f"{upload_id.hex}.*") if path.suffix[1:].isdigit()]
    return sorted(found, key=lambda path: int(path.suffix[1:]), reverse=True)


def drop(upload_id: UUID) -> None:
    """Removes all that lies there of an upload."""
    for path in folder().glob(f"{upload_id.hex}.*"):
        path.unlink(missing_ok=True)


def left() -> Iterator[tuple[str, Path]]:
    """All files, each with the id of its upload in hex."""
    with suppress(FileNotFoundError):
        for path in folder().iterdir():
            yield path.name.partition(".")[0], path


def are_there(upload: ResumableUpload) -> bool:
    """Whether a file still holds what was acknowledged."""
    return not upload.offset or _holding(upload.id, upload.offset) is not None


class Pieces:
    """An upload's file, open to be written on at `offset`. What lay behind that was never acknowledged.

    Raises BytesLost where less than that is there.
    """

    def __init__(self, upload_id: UUID, generation: int, offset: int) -> None:
        self._upload_id = upload_id
        self.path = path_of(upload_id, generation)
        if not self.path.exists():
            _take_over(upload_id, self.path, offset)
        self._file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        if os.fstat(self._file).st_size < offset:
            os.close(self._file)
            raise BytesLost(upload_id)
        self._position = offset
        os.ftruncate(self._file, offset)

    def write(self, data: bytes) -> None:
        """Writes on; a disk that is nearly full takes a part at a time, and then raises OSError."""
        rest = memoryview(data)
        while rest:
            written = os.pwrite(self._file, rest, self._position)
            self._position += written
            rest = rest[written:]

    def reader(self) -> BinaryIO:
        """The beginning, for a look at what it is."""
        return io.BytesIO(os.pread(self._file, 256, 0))

    def sync(self) -> None:
        """Raises BytesLost where the file has no name any more: nobody would find these bytes again."""
        os.fsync(self._file)
        if not os.fstat(self._file).st_nlink:
            raise BytesLost(self._upload_id)

    def cut(self, offset: int) -> None:
        """Gives back the room of what is not to stay."""
        os.ftruncate(self._file, offset)
        self._position = offset

    def close(self) -> None:
        os.close(self._file)


def after(upload_id: UUID, first_id: UUID, generation: int, offset: int) -> Pieces:
    """A new upload's file that begins with all of another's, which stays as it is: a second name of it."""
    path = path_of(upload_id, 0)
    path.unlink(missing_ok=True)
    try:
        os.link(path_of(first_id, generation), path)
        return Pieces(upload_id, 0, offset)
    except (FileNotFoundError, BytesLost) as error:
        raise BytesLost(first_id) from error


def read(upload_id: UUID, generation: int, size: int, piece: int) -> Iterator[bytes]:
    """The first `size` bytes of an upload's file. Raises BytesLost."""
    try:
        with path_of(upload_id, generation).open("rb") as file:
            while size and (data := file.read(min(piece, size))):
                size -= len(data)
                yield data
    except FileNotFoundError as error:
        raise BytesLost(upload_id) from error
    if size:
        raise BytesLost(upload_id)


def _holding(upload_id: UUID, offset: int) -> Path | None:
    """The newest file of at least `offset` bytes."""
    for path in generations(upload_id):
        with suppress(FileNotFoundError):
            if path.stat().st_size >= offset:
                return path
    return None


def _take_over(upload_id: UUID, path: Path, offset: int) -> None:
    """Copies what is safe from the newest file that was whole enough to be written to."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if not offset:
        return
    source = _holding(upload_id, offset)
    if source is None:
        raise BytesLost(upload_id)
    partial = path.with_name(f"{path.name}.copy")
    try:
        shutil.copyfile(source, partial)
        os.truncate(partial, offset)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
