"""Unfinished uploads in the bucket: an object for each stretch of bytes that was made safe at once.

So any web server goes on with what another began, without a disk that both see. On the own disk lies only
what this request has brought and is not safe yet. `resumable/ID/GENERATION.START` names a stretch. Two may
begin at the same byte: one of a writer that was too late, and that of its successor, whose generation is
higher. The bucket's own multipart uploads would ask for five MiB a part, and a place aside for what is less.
"""

from __future__ import annotations

import io
import os
import secrets
from contextlib import suppress
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

from processing.files import storage
from processing.files.storage import StorageUnavailable
from uploads.resumable.pieces import disk
from uploads.resumable.pieces.place import BytesLost

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path
    from uuid import UUID

    from processing.models import ResumableUpload

_ROOT = "resumable"
_HEAD = 256
_COPY = 1024 * 1024


class _Stretch(NamedTuple):
    start: int
    stop: int
    name: str


def _stretches(upload_id: UUID, offset: int) -> list[_Stretch]:
    """Those that make up the first `offset` bytes, in order. Raises BytesLost."""
    found: dict[int, tuple[int, _Stretch]] = {}
    for name, size, _ in storage.listed_private(f"{_ROOT}/{upload_id.hex}/") if offset else ():
        generation, start = map(int, name.rpartition("/")[2].split("."))
        if start not in found or found[start][0] < generation:
            found[start] = generation, _Stretch(start, start + size, name)
    chain, position = list[_Stretch](), 0
    while position < offset:
        if position not in found:
            raise BytesLost(upload_id)
        stretch = found[position][1]
        position = min(stretch.stop, offset)
        chain.append(_Stretch(stretch.start, position, stretch.name))
        if position == stretch.start:
            raise BytesLost(upload_id)
    return chain


def _read(upload_id: UUID, stretches: Iterable[_Stretch], piece: int) -> Iterator[bytes]:
    for start, stop, name in stretches:
        try:
            with storage.open_private_part(name, range(stop - start)) as file:
                while data := file.read(piece):
                    yield data
        except FileNotFoundError as error:
            raise BytesLost(upload_id) from error


class _Stage:
    """What this request brings, on the own disk until it is safe (uploads.resumable.pieces.place.Pieces)."""

    def __init__(self, upload: ResumableUpload) -> None:
        self._upload_id, self._generation = upload.id, upload.generation
        self._chain = _stretches(upload.id, upload.offset)
        self._start = self._position = upload.offset
        self._open()

    def _open(self) -> None:
        disk.folder().mkdir(parents=True, exist_ok=True)
        self._path = disk.folder() / f"{self._upload_id.hex}.{self._generation}.{secrets.token_hex(4)}"
        self._file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)

    def write(self, data: bytes) -> None:
        end = disk.write_at(self._file, data, self._position - self._start)
        self._position = self._start + end

    def reader(self) -> BinaryIO:
        head = b"".join(_read(self._upload_id, self._chain[:1], _HEAD)) if self._chain else b""
        return io.BytesIO((head + os.pread(self._file, _HEAD, 0))[:_HEAD])

    def sync(self) -> None:
        if self._position == self._start:
            return
        name = f"{_ROOT}/{self._upload_id.hex}/{self._generation}.{self._start}"
        storage.put_private_file(name, self._path)
        os.close(self._file)
        self._chain.append(_Stretch(self._start, self._position, name))
        self._start = self._position
        self._open()

    def cut(self, offset: int) -> None:
        while self._chain and self._chain[-1].stop > offset:
            self._start, _, name = self._chain.pop()
            storage.drop_private(name)
        os.ftruncate(self._file, 0)
        self._position = self._start

    def whole(self, renew: Callable[[], None]) -> Path:
        """What came in other requests is fetched; the rest need not go to the bucket before it is whole."""
        if not self._chain:
            os.fsync(self._file)
            return self._path
        last, stage = self._file, self._path
        self._open()
        try:
            self._fetch(renew)
            self._append(last)
        finally:
            os.close(last)
            stage.unlink()
        return self._path

    def _fetch(self, renew: Callable[[], None]) -> None:
        self._start = self._position = 0
        for stretch in self._chain:
            renew()
            for data in _read(self._upload_id, [stretch], _COPY):
                self.write(data)

    def _append(self, file: int) -> None:
        at = 0
        while data := os.pread(file, _COPY, at):
            at += len(data)
            self.write(data)
        os.fsync(self._file)

    def close(self) -> None:
        os.close(self._file)
        self._path.unlink(missing_ok=True)


class Bucket:
    """Beside the originals (uploads.resumable.pieces.place.Place). What is put there at once is larger."""

    flush_bytes = 8 * 1024 * 1024
    flush_seconds = 30.0

    def open(self, upload: ResumableUpload) -> _Stage:
        return _Stage(upload)

    def after(self, upload: ResumableUpload, first: ResumableUpload) -> _Stage:
        stage = _Stage(upload)
        try:
            for data in self.read(first, _COPY):
                stage.write(data)
        except BaseException:
            stage.close()
            raise
        return stage

    def read(self, upload: ResumableUpload, piece: int) -> Iterator[bytes]:
        yield from _read(upload.id, _stretches(upload.id, upload.offset), piece)

    def holds(self, upload: ResumableUpload) -> bool:
        try:
            _stretches(upload.id, upload.offset)
        except BytesLost:
            return False
        return True

    def drop(self, upload: ResumableUpload) -> None:
        """What can't be removed now goes with the housekeeping."""
        disk.Disk().drop(upload)
        if upload.offset:
            with suppress(StorageUnavailable):
                for name, _, _ in list(storage.listed_private(f"{_ROOT}/{upload.id.hex}/")):
                    storage.drop_private(name)

    def drop_left(self, before: float, among: Callable[[set[str]], list[ResumableUpload]]) -> int:
        count = disk.Disk().drop_left(before, among)
        listed = storage.listed_private(f"{_ROOT}/")
        old = {name: name.split("/")[1] for name, _, modified in listed if modified < before}
        open_ids = {upload.id.hex for upload in among(set(old.values()))}
        gone = [name for name, upload_id in old.items() if upload_id not in open_ids]
        for name in gone:
            storage.drop_private(name)
        return count + len(gone)
