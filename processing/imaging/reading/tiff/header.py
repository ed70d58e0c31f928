"""The first directory of a TIFF: what raw photos and rare kinds of samples are told by.

TIFF 6.0, and for BigTIFF https://www.awaresystems.be/imaging/tiff/bigtiff.html ; raw photos: TIFF/EP
(ISO 12234-2) and DNG 1.7, https://helpx.adobe.com/camera-raw/digital-negative.html
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import BinaryIO

WIDTH, HEIGHT, BITS, COMPRESSION, PHOTOMETRIC = 256, 257, 258, 259, 262
STRIP_OFFSETS, SAMPLES, ROWS_PER_STRIP, STRIP_LENGTHS, PLANAR = 273, 277, 278, 279, 284
ORIENTATION, PREDICTOR, TILE_WIDTH, TILE_LENGTH, TILE_OFFSETS, TILE_LENGTHS = 274, 317, 322, 323, 324, 325
TRANSFER, WHITE, PRIMARIES = 301, 318, 319
SUBFILE, SUB_DIRECTORIES, EXTRA_SAMPLES, SAMPLE_FORMAT, PROFILE, DNG = 254, 330, 338, 339, 34675, 50706

_COLOR_FILTER, _LINEAR_RAW = 32803, 34892
_REDUCED = 1

_TYPES = {
    1: "B",
    2: "c",
    3: "H",
    4: "I",
    5: "Q",
    6: "b",
    7: "c",
    8: "h",
    9: "i",
    13: "I",
    16: "Q",
    17: "q",
    18: "Q",
}
_MAX_ENTRIES = 4096
_MAX_VALUES = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class TiffHeader:
    """`order` is "<" or ">"; `tags` has the numbers of each tag asked for that is there.

    A fraction is one number of 64 bits, as it stands there.
    """

    order: str
    big: bool
    tags: dict[int, tuple[int, ...]]

    def one(self, tag: int, default: int) -> int:
        values = self.tags.get(tag)
        return values[0] if values else default

    @property
    def kind(self) -> str:
        colors, packing = self.one(PHOTOMETRIC, 1), self.one(COMPRESSION, 1)
        return (
            f"{self.one(BITS, 1)} bits a sample (photometric interpretation {colors}, compression {packing})"
        )

    @property
    def is_raw_photo(self) -> bool:
        """True where the picture is a camera's raw data, or only a small one beside them."""
        preview = bool(self.one(SUBFILE, 0) & _REDUCED) and SUB_DIRECTORIES in self.tags
        return DNG in self.tags or preview or self.one(PHOTOMETRIC, 1) in (_COLOR_FILTER, _LINEAR_RAW)


_KNOWN = frozenset(
    (
        *(
            WIDTH,
            HEIGHT,
            BITS,
            COMPRESSION,
            PHOTOMETRIC,
            STRIP_OFFSETS,
            SAMPLES,
            ROWS_PER_STRIP,
            STRIP_LENGTHS,
        ),
        *(PLANAR, ORIENTATION, PREDICTOR, TILE_WIDTH, TILE_LENGTH, TILE_OFFSETS, TILE_LENGTHS),
        *(SUBFILE, SUB_DIRECTORIES, EXTRA_SAMPLES, SAMPLE_FORMAT, PROFILE, DNG, TRANSFER, WHITE, PRIMARIES),
    )
)


def is_tiff(head: bytes) -> bool:
    return head[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")


def is_canon_raw(head: bytes) -> bool:
    """CR2: a TIFF whose first picture is a small one."""
    return is_tiff(head) and head[8:10] == b"CR"


def read_tiff(file: BinaryIO) -> TiffHeader | None:
    """None where the directory is not whole."""
    file.seek(0)
    head = file.read(16)
    order = ">" if head[:2] == b"MM" else "<"
    big = 43 in head[2:4]
    try:
        (offset,) = struct.unpack_from(order + ("Q" if big else "I"), head, 8 if big else 4)
        file.seek(offset)
        return TiffHeader(order, big, dict(_entries(file, order, big=big)))
    except (struct.error, OverflowError, ValueError, OSError):
        return None


def _entries(file: BinaryIO, order: str, *, big: bool) -> list[tuple[int, tuple[int, ...]]]:
    count_layout, entry_layout = (order + "Q", order + "HHQ8s") if big else (order + "H", order + "HHI4s")
    (count,) = struct.unpack(count_layout, file.read(struct.calcsize(count_layout)))
    size = struct.calcsize(entry_layout)
    directory = file.read(min(count, _MAX_ENTRIES) * size)
    found = (struct.unpack_from(entry_layout, directory, place) for place in range(0, len(directory), size))
    return [
        (tag, _values(file, order, _TYPES[kind], number, field))
        for tag, kind, number, field in found
        if tag in _KNOWN and kind in _TYPES and 0 < number <= _MAX_VALUES
    ]


def _values(file: BinaryIO, order: str, layout: str, count: int, field: bytes) -> tuple[int, ...]:
    if layout == "c":
        layout = "B"
    length = count * struct.calcsize(order + layout)
    if length <= len(field):
        return struct.unpack_from(f"{order}{count}{layout}", field)
    (offset,) = struct.unpack(order + ("Q" if len(field) == 8 else "I"), field)
    file.seek(offset)
    return struct.unpack(f"{order}{count}{layout}", file.read(length))
