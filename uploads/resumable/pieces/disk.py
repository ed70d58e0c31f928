"""Unfinished uploads on a disk: one file each, written on from where it is safe.

Each writer that takes over from one who never let go gets a file of its own, with what was safe copied into
it: however late the other one comes back, it writes where nobody reads.
"""

from __future__ import annotations

import io
import os
import shutil
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from django.conf import settings

from uploads.resumable.pieces.place import BytesLost

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from uuid import UUID

    from processing.models import ResumableUpload


def folder() -> Path:
    return Path(settings.RESUMABLE_DIR)


def path_of(upload_id: UUID, generation: int) -> Path:
    return folder() / f"{upload_id.hex}.{generation}"


def generations(upload_id: UUID) -> list[Path]:
    """The upload's files, the newest first."""
    found = [path for path in folder().glob(f"{upload_id.hex}.*") if path.suffix[1:].isdigit()]
    return sorted(found, key=lambda path: int(path.suffix[1:]), reverse=True)


def left() -> Iterator[tuple[str, Path]]:
    """All files, each with the id of its upload in hex."""
    with suppress(FileNotFoundError):
        for path in folder().iterdir():
            yield path.name.partition(".")[0], path


def write_at(file: int, data: bytes, position: int) -> int:
    """Writes all; a disk that is nearly full takes a part at a time, and then raises OSError."""
    rest = memoryview(data)
    while rest:
        written = os.pwrite(file, rest, position)
        position += written
        rest = rest[written:]
    return position


class _File:
    """An upload's file, open to be written on at `offset` (uploads.resumable.pieces.place.Pieces)."""

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
        self._position = write_at(self._file, data, self._position)

    def reader(self) -> BinaryIO:
        return io.BytesIO(os.pread(self._file, 256, 0))

    def sync(self) -> None:
        """Raises BytesLost where the file has no name any more: nobody would find these bytes again."""
        os.fsync(self._file)
        if not os.fstat(self._file).st_nlink:
            raise BytesLost(self._upload_id)

    def cut(self, offset: int) -> None:
        os.ftruncate(self._file, offset)
        self._position = offset

    def whole(self, renew: Callable[[], None]) -> Path:
        self.sync()
        return self.path

    def close(self) -> None:
        os.close(self._file)


class Disk:
    """A folder that all web servers share (uploads.resumable.pieces.place.Place)."""

    flush_bytes = 4 * 1024 * 1024
    flush_seconds = 2.0

    def open(self, upload: ResumableUpload) -> _File:
        return _File(upload.id, upload.generation, upload.offset)

    def after(self, upload: ResumableUpload, first: ResumableUpload) -> _File:
        """The file is a second name of the first one's."""
        path = path_of(upload.id, 0)
        path.unlink(missing_ok=True)
        try:
            os.link(path_of(first.id, first.generation), path)
            return _File(upload.id, 0, first.offset)
        except (FileNotFoundError, BytesLost) as error:
            raise BytesLost(first.id) from error

    def read(self, upload: ResumableUpload, piece: int) -> Iterator[bytes]:
        size = upload.offset
        try:
            with path_of(upload.id, upload.generation).open("rb") as file:
                while size and (data := file.read(min(piece, size))):
                    size -= len(data)
                    yield data
        except FileNotFoundError as error:
            raise BytesLost(upload.id) from error
        if size:
            raise BytesLost(upload.id)

    def holds(self, upload: ResumableUpload) -> bool:
        return not upload.offset or _holding(upload.id, upload.offset) is not None

    def drop(self, upload: ResumableUpload) -> None:
        for path in folder().glob(f"{upload.id.hex}.*"):
            path.unlink(missing_ok=True)

    def drop_left(self, before: float, among: Callable[[set[str]], list[ResumableUpload]]) -> int:
        old = {path: name for name, path in left() if _modified(path) < before}
        rows = among(set(old.values()))
        kept = {path_of(upload.id, upload.generation) for upload in rows}
        # The one before may hold what the newest has yet to copy.
        kept |= {path for upload in rows for path in generations(upload.id)[:2]}
        gone = [path for path in old if path not in kept]
        for path in gone:
            path.unlink(missing_ok=True)
        return len(gone)


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


def _modified(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return time.time()
