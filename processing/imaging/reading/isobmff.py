"""What the boxes of AVIF and HEIC say that their decoders keep to themselves.

Boxes: ISO/IEC 14496-12 and 23008-12 (HEIF); `av1C`: https://aomediacodec.github.io/av1-isobmff/ ;
the numbers of `colr`: ITU-T H.273.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

_MAX_BOX = 4 * 1024 * 1024
_MAX_BOXES = 10_000


@dataclass(frozen=True, slots=True)
class Described:
    """`cicp` is (primaries, transfer) or None; `bits` of a channel, `samples` of a track: 0 if not said."""

    cicp: tuple[int, int] | None = None
    bits: int = 0
    samples: int = 0


def described(file: BinaryIO) -> Described:
    """What is said of the primary picture, or of the first track where there is none."""
    end = file.seek(0, os.SEEK_END)
    boxes = {name: body for name, body in _top(file, end) if name in (b"meta", b"moov")}
    try:
        properties = _of_primary(boxes.get(b"meta", b"")[4:]) or _of_track(boxes.get(b"moov", b""))
        return Described(_cicp(properties), _bits(properties), _samples(boxes.get(b"moov", b"")))
    except (struct.error, IndexError):
        return Described()


Box = tuple[bytes, bytes]


def _top(file: BinaryIO, end: int) -> Iterator[Box]:
    """The boxes of the file that are small enough to be descriptions."""
    place = 0
    for _ in range(_MAX_BOXES):
        file.seek(place)
        head = file.read(16)
        if len(head) < 8:
            return
        size, name = int.from_bytes(head[:4], "big"), head[4:8]
        start = 8
        if size == 1:
            size, start = int.from_bytes(head[8:16], "big"), 16
        size = end - place if size == 0 else size
        if size < start:
            return
        file.seek(place + start)
        yield name, file.read(size - start) if size <= _MAX_BOX and name != b"mdat" else b""
        place += size


def _boxes(data: bytes) -> Iterator[Box]:
    place = 0
    for _ in range(_MAX_BOXES):
        if place + 8 > len(data):
            return
        size = int.from_bytes(data[place : place + 4], "big") or len(data) - place
        if size < 8:
            return
        yield data[place + 4 : place + 8], data[place + 8 : place + size]
        place += size


def _first(data: bytes, *path: bytes) -> bytes:
    for name in path:
        data = next((body for found, body in _boxes(data) if found == name), b"")
    return data


def _of_primary(meta: bytes) -> list[Box]:
    """The properties that belong to the primary item."""
    primary = _first(meta, b"pitm")
    if not primary:
        return []
    item = int.from_bytes(primary[4:8] if primary[0] else primary[4:6], "big")
    known = list(_boxes(_first(meta, b"iprp", b"ipco")))
    places = _associations(_first(meta, b"iprp", b"ipma")).get(item, [])
    return [known[place - 1] for place in places if 0 < place <= len(known)]


def _associations(ipma: bytes) -> dict[int, list[int]]:
    """The numbers of the properties of each item."""
    if len(ipma) < 8:
        return {}
    item_size, wide = (4 if ipma[0] else 2), ipma[3] & 1
    (count,) = struct.unpack_from(">I", ipma, 4)
    found: dict[int, list[int]] = {}
    place = 8
    for _ in range(min(count, _MAX_BOXES)):
        item = int.from_bytes(ipma[place : place + item_size], "big")
        number = ipma[place + item_size]
        place += item_size + 1
        step = 2 if wide else 1
        mask = 0x7FFF if wide else 0x7F
        found[item] = [
            int.from_bytes(ipma[at : at + step], "big") & mask
            for at in range(place, place + number * step, step)
        ]
        place += number * step
    return found


# Where the boxes of a visual sample entry begin.
_SAMPLE_ENTRY = 78


def _of_track(moov: bytes) -> list[Box]:
    table = _first(moov, b"trak", b"mdia", b"minf", b"stbl", b"stsd")[8:]
    entry = next((body for _name, body in _boxes(table)), b"")
    return list(_boxes(entry[_SAMPLE_ENTRY:]))


def _samples(moov: bytes) -> int:
    sizes = _first(moov, b"trak", b"mdia", b"minf", b"stbl", b"stsz")
    return int.from_bytes(sizes[8:12], "big")


def _cicp(properties: list[Box]) -> tuple[int, int] | None:
    for name, body in properties:
        if name == b"colr" and body[:4] in (b"nclx", b"nclc"):
            primaries, transfer = struct.unpack_from(">HH", body, 4)
            return primaries, transfer
    return None


def _bits(properties: list[Box]) -> int:
    for name, body in properties:
        if name == b"av1C" and len(body) > 2:
            return (12 if body[2] & 0x20 else 10) if body[2] & 0x40 else 8
        if name == b"pixi" and len(body) > 5:
            return max(body[5:])
    return 0
