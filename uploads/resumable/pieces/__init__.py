"""The bytes of uploads that are not whole yet, where the originals are: on a disk, or in a bucket."""

from __future__ import annotations

from typing import TYPE_CHECKING

from processing.files import storage
from uploads.resumable.pieces.bucket import Bucket
from uploads.resumable.pieces.disk import Disk
from uploads.resumable.pieces.place import BytesLost, Pieces

if TYPE_CHECKING:
    from uploads.resumable.pieces.place import Place

__all__ = ["BytesLost", "Pieces", "place"]

_DISK, _BUCKET = Disk(), Bucket()


def place() -> Place:
    return _BUCKET if storage.is_remote() else _DISK
