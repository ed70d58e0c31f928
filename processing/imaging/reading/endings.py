"""Whether a damaged file is one that ended early."""

from __future__ import annotations

import os
from typing import BinaryIO

from processing.imaging.reading.formats import HEAD_BYTES, claimed_format


def ends_early(file: BinaryIO) -> bool:
    """True where the container itself says that more bytes should follow."""
    length = file.seek(0, os.SEEK_END)
    file.seek(0)
    head = file.read(HEAD_BYTES)
    plugin = claimed_format(head)
    if plugin in ("AVIF", "HEIF"):
        return _last_box_end(file, length) > length
    file.seek(max(0, length - 32))
    return _lacks_its_end(plugin, head, file.read(32), length)


def _lacks_its_end(plugin: str | None, head: bytes, tail: bytes, length: int) -> bool:
    match plugin:
        case "JPEG":
            return b"\xff\xd9" not in tail
        case "PNG":
            return b"IEND" not in tail
        case "GIF":
            return b";" not in tail
        case "WEBP":
            return length < int.from_bytes(head[4:8], "little") + 8
        case "BMP":
            return length < int.from_bytes(head[2:6], "little")
    return False


def _last_box_end(file: BinaryIO, length: int) -> int:
    """Where the last box of an ISO base media file (ISO/IEC 14496-12) that begins in this one should end."""
    end = 0
    while end < length:
        file.seek(end)
        start = file.read(16).ljust(16, b"\0")
        size = int.from_bytes(start[:4], "big")
        if size == 1:
            size = int.from_bytes(start[8:], "big")
        if size < 8:
            break  # 0 means "to the end of the file", less is damage
        end += size
    return end
