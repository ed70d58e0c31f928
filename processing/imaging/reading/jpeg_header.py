"""A guard for the segments in front of a JPEG's pixels.

Pillow joins Exif segments in quadratic time (60 MB: 12 s) and steps over stray bytes one by one.
Markers: ITU-T T.81, annex B.
"""

from __future__ import annotations

import os
from typing import BinaryIO

from processing.imaging.errors import ImageFailed

# No camera comes near any of these.
_MAX_EXIF_SEGMENTS = 16
_MAX_STRAY_BYTES = 64 * 1024
_MAX_METADATA = 32 * 1024 * 1024

_APP1, _START_OF_SCAN = 0xE1, 0xDA
_WITHOUT_LENGTH = frozenset((0x00, 0x01, *range(0xD0, 0xDA)))


def refuse_metadata_bomb(file: BinaryIO) -> int:
    """Walk the segments up to the first scan, whose place is the answer; raises ImageFailed for a bomb."""
    file.seek(2)
    exif_segments = stray_bytes = 0
    while True:
        marker, skipped = _next_marker(file)
        stray_bytes += skipped
        if marker is None or marker == _START_OF_SCAN:
            return file.tell()
        if marker in _WITHOUT_LENGTH:
            stray_bytes += 2
        else:
            exif_segments += _skip_segment(file) and marker == _APP1
        if (
            exif_segments > _MAX_EXIF_SEGMENTS
            or stray_bytes > _MAX_STRAY_BYTES
            or file.tell() > _MAX_METADATA
        ):
            raise ImageFailed("undecodable", "The picture carries more metadata than any camera writes.")


def _next_marker(file: BinaryIO) -> tuple[int | None, int]:
    """The next marker's code, or None at the end or after too many stray bytes, with their number."""
    skipped = 0
    while (byte := file.read(1)) and byte != b"\xff" and skipped <= _MAX_STRAY_BYTES:
        skipped += 1
    while byte == b"\xff" and skipped <= _MAX_STRAY_BYTES:
        byte = file.read(1)
        skipped += byte == b"\xff"
    if skipped > _MAX_STRAY_BYTES:
        return 0x00, skipped
    return (byte[0] if byte else None), skipped


def _skip_segment(file: BinaryIO) -> bool:
    """Go behind the segment; True where it holds Exif."""
    start = file.read(6)
    file.seek(int.from_bytes(start[:2], "big") - len(start), os.SEEK_CUR)
    return start[2:] == b"Exif"
