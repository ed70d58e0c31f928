"""Counting frames without decoding any.

Pillow's own `n_frames` walks a GIF or a TIFF to its end, whatever that costs; these walkers stop at `limit`.
Formats: https://www.w3.org/Graphics/GIF/spec-gif89a.txt, the TIFF 6.0 specification, and for BigTIFF
https://www.awaresystems.be/imaging/tiff/bigtiff.html
"""

from __future__ import annotations

import os
import struct
from typing import BinaryIO

_GIF_IMAGE, _GIF_EXTENSION = b"\x2c", b"\x21"


def gif_frames(file: BinaryIO, limit: int) -> int:
    """Image blocks in a GIF, at least 1; counting stops at `limit` or where the data ends."""
    file.seek(10)
    _skip_color_table(file, file.read(3)[:1])
    frames = 0
    while frames < limit:
        block = file.read(1)
        if block == _GIF_IMAGE:
            frames += 1
            _skip_color_table(file, file.read(9)[8:])
            file.seek(1, os.SEEK_CUR)  # LZW minimum code size
        elif block == _GIF_EXTENSION:
            file.seek(1, os.SEEK_CUR)  # label
        else:
            break
        _skip_sub_blocks(file)
    return max(1, frames)


def _skip_color_table(file: BinaryIO, flags: bytes) -> None:
    if flags and flags[0] & 0x80:
        file.seek(3 << ((flags[0] & 7) + 1), os.SEEK_CUR)


def _skip_sub_blocks(file: BinaryIO) -> None:
    while (length := file.read(1)) not in (b"", b"\0"):
        file.seek(length[0], os.SEEK_CUR)


def tiff_frames(file: BinaryIO, limit: int) -> int:
    """Directories (pages) in a TIFF or BigTIFF, at least 1; stops at `limit`, a loop or the end of data."""
    file.seek(0)
    head = file.read(16)
    order = ">" if head[:2] == b"MM" else "<"
    big = head[2:4] in (b"\x2b\0", b"\0\x2b")
    count_format, entry_size, offset_format = ("Q", 20, "Q") if big else ("H", 12, "I")
    (offset,) = struct.unpack_from(order + offset_format, head, 8 if big else 4)
    seen: set[int] = set()
    try:
        while offset and offset not in seen and len(seen) < limit:
            seen.add(offset)
            file.seek(offset)
            (entries,) = _read_number(file, order + count_format)
            file.seek(entries * entry_size, os.SEEK_CUR)
            (offset,) = _read_number(file, order + offset_format)
    except (struct.error, ValueError, OverflowError, OSError):
        # What is left of a damaged chain cannot be shown; decoding the first page says whether that is whole.
        pass
    return max(1, len(seen))


def _read_number(file: BinaryIO, layout: str) -> tuple[int]:
    return struct.unpack(layout, file.read(struct.calcsize(layout)))
