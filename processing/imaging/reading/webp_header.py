"""The size of a WebP, read without its library.

Layout: RFC 9649, sections 2.5 to 2.7, and RFC 6386, section 9.1, for the lossy bitstream.
"""

from __future__ import annotations

_FOURTEEN_BITS = 0x3FFF


def webp_canvas(head: bytes) -> tuple[int, int] | None:
    """(width, height) in px from the first 30 bytes; None for what is no WebP."""
    if head[:4] != b"RIFF" or head[8:12] != b"WEBP" or len(head) < 30:
        return None
    match head[12:16]:
        case b"VP8X":
            return _little(head[24:27]) + 1, _little(head[27:30]) + 1
        case b"VP8 ":
            return _little(head[26:28]) & _FOURTEEN_BITS, _little(head[28:30]) & _FOURTEEN_BITS
        case b"VP8L":
            bits = _little(head[21:25])
            return (bits & _FOURTEEN_BITS) + 1, (bits >> 14 & _FOURTEEN_BITS) + 1
    return None


def _little(data: bytes) -> int:
    return int.from_bytes(data, "little")
