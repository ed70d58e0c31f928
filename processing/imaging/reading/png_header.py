"""The Exif of a PNG, found without decoding.

Exif may follow the pixels (PNG, third edition, 11.3.4.5); Pillow decodes the whole picture to get there.
"""

from __future__ import annotations

import os
import struct
from typing import BinaryIO

_FIRST_CHUNK = 8
_CHECKSUM = 4
_MAX_CHUNKS = 100_000
_MAX_EXIF = 1024 * 1024


def png_exif(file: BinaryIO) -> bytes:
    """The data of the eXIf chunk wherever it stands; empty where there is none."""
    file.seek(_FIRST_CHUNK)
    for _ in range(_MAX_CHUNKS):
        start = file.read(8)
        if len(start) < 8 or start[4:] == b"IEND":
            break
        (length,) = struct.unpack_from(">I", start)
        if start[4:] == b"eXIf" and length <= _MAX_EXIF:
            return file.read(length)
        file.seek(length + _CHECKSUM, os.SEEK_CUR)
    return b""
