"""The chunks of a PNG, found without decoding.

Pillow decodes all pixels to find the Exif behind them, refuses a picture for text that unpacks to more than
1 MiB, and knows neither cICP nor Exif in text. Chunks: PNG, third edition, https://www.w3.org/TR/png-3/ ;
Exif in text: https://exiftool.org/TagNames/PNG.html#TextualData
"""

from __future__ import annotations

import io
import os
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import BinaryIO

from processing.imaging.reading.windows import Windows

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_CHECKSUM = 4
_MAX_CHUNKS = 100_000
_MAX_EXIF = 1024 * 1024
_MAX_PROFILE = 1024 * 1024

_TEXTS = (b"tEXt", b"zTXt", b"iTXt")
_EXIF_IN_TEXT = (b"Raw profile type exif\0", b"Raw profile type APP1\0")


@dataclass(slots=True)
class PngHeader:
    """`exif` is empty where there is none, `cicp` is None; `left_out` are chunks that are not for Pillow."""

    exif: bytes = b""
    cicp: tuple[int, int] | None = None
    left_out: list[tuple[int, int]] = field(default_factory=list)


def read_png(file: BinaryIO) -> PngHeader:
    """Walk the chunks to the end, wherever Exif stands."""
    header, in_text = PngHeader(), b""
    for name, start, length in _chunks(file):
        end = start + 8 + length + _CHECKSUM
        if name == b"eXIf" and length <= _MAX_EXIF:
            header.exif = header.exif or file.read(length)
        elif name == b"cICP" and length == 4:
            primaries, transfer, _matrix, _full_range = file.read(4)
            header.cicp = (primaries, transfer)
        elif name in _TEXTS:
            in_text = in_text or _exif_in_text(name, file, length)
            header.left_out.append((start, end))
        elif name == b"iCCP" and _unpacks_to_too_much(file.read(min(length, _MAX_PROFILE))):
            header.left_out.append((start, end))
    header.exif = header.exif or in_text
    return header


def _chunks(file: BinaryIO) -> Iterator[tuple[bytes, int, int]]:
    """Name, place and length of the data of each; `file` stands at the data meanwhile."""
    start = len(_SIGNATURE)
    for _ in range(_MAX_CHUNKS):
        file.seek(start)
        head = file.read(8)
        if len(head) < 8 or head[4:] == b"IEND":
            break
        (length,) = struct.unpack_from(">I", head)
        yield head[4:], start, length
        start += 8 + length + _CHECKSUM


def without(file: BinaryIO, left_out: list[tuple[int, int]]) -> BinaryIO:
    """The same file as if it had not these parts; the file itself where there are none."""
    if not left_out:
        return file
    starts = [0, *(end for _start, end in left_out)]
    ends = [*(start for start, _end in left_out), file.seek(0, os.SEEK_END)]
    parts = [(start, end) for start, end in zip(starts, ends, strict=True) if start < end]
    return io.BufferedReader(Windows(file, parts))


def _exif_in_text(name: bytes, file: BinaryIO, length: int) -> bytes:
    """As ImageMagick writes it: hexadecimal lines behind "exif" (or "app1") and the number of bytes."""
    if length > 2 * _MAX_EXIF:
        return b""
    text = file.read(length)
    keyword = next((word for word in _EXIF_IN_TEXT if text.startswith(word)), None)
    if keyword is None:
        return b""
    text = text[len(keyword) :]
    try:
        if name == b"zTXt":
            text = zlib.decompressobj().decompress(text[1:], 3 * _MAX_EXIF)
        elif name == b"iTXt":
            packed, text = text[0], text[2:].split(b"\0", 2)[2]
            text = zlib.decompressobj().decompress(text, 3 * _MAX_EXIF) if packed else text
        return bytes.fromhex(text.strip().split(b"\n", 2)[2].decode("ascii"))
    except (zlib.error, ValueError, IndexError):
        return b""


def _unpacks_to_too_much(chunk: bytes) -> bool:
    _name, _, packed = chunk.partition(b"\0")
    unpacker = zlib.decompressobj()
    try:
        return len(unpacker.decompress(packed[1:], _MAX_PROFILE + 1)) > _MAX_PROFILE
    except zlib.error:
        return False  # Pillow goes on without a profile that is broken
