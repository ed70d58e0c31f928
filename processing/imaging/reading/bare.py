"""The coded pixels of a file without anything else: the same picture bit for bit, and no metadata.

JPEG: ITU-T T.81, annex B; PNG, third edition; WebP: RFC 9649, section 2.7.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from types import MappingProxyType

from processing.imaging.reading.jpeg_ending import END_OF_IMAGE, markers

_START_OF_SCAN = 0xDA
# JFIF, and Adobe's word on how colours were transformed, which decoders need.
_JFIF, _ADOBE = 0xE0, 0xEE
_DROPPED = frozenset((*range(0xE0, 0xF0), 0xFE))

_PNG_KEPT = frozenset((b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND", b"acTL", b"fcTL", b"fdAT"))
_WEBP_DROPPED = frozenset((b"ICCP", b"EXIF", b"XMP "))
# Bits of VP8X: an ICC profile, Exif and XMP follow.
_WEBP_FLAGS = 0x20 | 0x08 | 0x04


def _jpeg(data: bytes) -> bytes:
    kept, copied = [data[:2]], 2
    for marker, place in markers(data):
        if marker == END_OF_IMAGE[1]:
            kept.append(data[copied:place] + END_OF_IMAGE)
            return b"".join(kept)
        if marker in _DROPPED:
            kept.append(data[copied:place])
            copied = place + 2 + int.from_bytes(data[place + 2 : place + 4], "big")
            segment = data[place:copied]
            if (marker == _JFIF and segment[4:8] == b"JFIF") or (
                marker == _ADOBE and segment[4:9] == b"Adobe"
            ):
                kept.append(segment)
    return data


def _png(data: bytes) -> bytes:
    kept, place = [data[:8]], 8
    while place + 12 <= len(data):
        (length,) = struct.unpack_from(">I", data, place)
        end = place + 12 + length
        if data[place + 4 : place + 8] in _PNG_KEPT:
            kept.append(data[place:end])
        place = end
    return b"".join(kept)


def _webp(data: bytes) -> bytes:
    end = 8 + int.from_bytes(data[4:8], "little")
    kept, place = [], 12
    while place + 8 <= min(end, len(data)):
        name, length = data[place : place + 4], int.from_bytes(data[place + 4 : place + 8], "little")
        chunk = data[place : place + 8 + length + length % 2]
        if name == b"VP8X":
            chunk = chunk[:8] + bytes((chunk[8] & ~_WEBP_FLAGS,)) + chunk[9:]
        if name not in _WEBP_DROPPED:
            kept.append(chunk)
        place += len(chunk)
    body = b"WEBP" + b"".join(kept)
    return b"RIFF" + struct.pack("<I", len(body)) + body


_BARE: Mapping[str, Callable[[bytes], bytes]] = MappingProxyType(
    {"JPEG": _jpeg, "MPO": _jpeg, "PNG": _png, "WEBP": _webp}
)


def bare(data: bytes, plugin: str) -> bytes | None:
    """None for formats whose metadata cannot simply be left out."""
    strip = _BARE.get(plugin)
    return strip(data) if strip else None
