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

from processing.imaging.reading.coded_colors import of_av1, of_hevc

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
        meta = boxes.get(b"meta", b"")[4:]
        item = _primary(meta)
        properties = _of_item(meta, item) or _of_track(boxes.get(b"moov", b""))
        cicp = _cicp(properties) or _coded(file, meta, item, properties)
        return Described(cicp, _bits(properties), _samples(boxes.get(b"moov", b"")))
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


def _primary(meta: bytes) -> int:
    """The number of the primary item; 0 where there is none."""
    primary = _first(meta, b"pitm")
    return int.from_bytes(primary[4:8] if primary[0] else primary[4:6], "big") if primary else 0


def _of_item(meta: bytes, item: int) -> list[Box]:
    """The properties that belong to the item."""
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


def _coded(file: BinaryIO, meta: bytes, item: int, properties: list[Box]) -> tuple[int, int] | None:
    """What the coded data says, of a picture in tiles that of its first tile."""
    found = _by_configuration(file, meta, item, properties)
    tile = _first_tile(meta, item)
    return found or (_by_configuration(file, meta, tile, _of_item(meta, tile)) if tile else None)


def _by_configuration(
    file: BinaryIO, meta: bytes, item: int, properties: list[Box]
) -> tuple[int, int] | None:
    for name, body in properties:
        if name == b"hvcC":
            return of_hevc(body)
        if name == b"av1C":
            return of_av1(body[4:]) or of_av1(_data(file, meta, item))
    return None


def _first_tile(meta: bytes, item: int) -> int:
    """0 where the item is not put together from others."""
    references = _first(meta, b"iref")
    if not references:
        return 0
    size = 4 if references[0] else 2
    for name, body in _boxes(references[4:]):
        if name == b"dimg" and int.from_bytes(body[:size], "big") == item:
            return int.from_bytes(body[size + 2 : 2 * size + 2], "big")
    return 0


class _Numbers:
    def __init__(self, data: bytes) -> None:
        self._data, self._place = data, 0

    def take(self, size: int) -> int:
        """Of `size` bytes. Raises IndexError at the end of the data."""
        self._place += size
        if self._place > len(self._data):
            raise IndexError("no more numbers")
        return int.from_bytes(self._data[self._place - size : self._place], "big")


# How the data of an item is found (`iloc`): in the file itself.
_IN_FILE = 0
_START = 4096


def _data(file: BinaryIO, meta: bytes, item: int) -> bytes:
    """The first bytes of an item that lies in the file."""
    location = _first(meta, b"iloc")
    if not location:
        return b""
    version, numbers = location[0], _Numbers(location[4:])
    sizes = numbers.take(2)
    offset_size, length_size, base_size = sizes >> 12, sizes >> 8 & 15, sizes >> 4 & 15
    index_size = sizes & 15 if version else 0
    for _ in range(min(numbers.take(4 if version == 2 else 2), _MAX_BOXES)):
        number = numbers.take(4 if version == 2 else 2)
        method = numbers.take(2) & 15 if version else _IN_FILE
        numbers.take(2)
        base = numbers.take(base_size)
        parts = [
            (numbers.take(index_size), numbers.take(offset_size), numbers.take(length_size))
            for _ in range(numbers.take(2))
        ]
        if number == item and method == _IN_FILE and parts:
            file.seek(base + parts[0][1])
            return file.read(min(parts[0][2] or _START, _START))
    return b""
