"""The colour space in the header of a BMP, which Pillow passes over.

BITMAPV4HEADER and BITMAPV5HEADER: https://learn.microsoft.com/windows/win32/api/wingdi/
"""

from __future__ import annotations

import struct
from typing import Any, BinaryIO

from processing.imaging.pixels.color_spaces import D65

_AT = 14
_V4, _V5 = 108, 124
_KIND = 56
_CALIBRATED, _EMBEDDED, _LINKED = 0, 0x4D424544, 0x4C494E4B
_MAX_PROFILE = 4 * 1024 * 1024


def colors_of(file: BinaryIO) -> dict[str, Any]:
    """`icc_profile`, or `chromaticity` and `gamma` as Pillow has those of a PNG; `unread_profile` for a link.

    A profile in another file, which only its writer has, can't be read.
    """
    file.seek(_AT)
    header = file.read(_V5)
    if len(header) < _V4:
        return {}
    (size,) = struct.unpack_from("<I", header)
    (kind,) = struct.unpack_from("<I", header, _KIND)
    if size >= _V5 and len(header) == _V5 and kind == _EMBEDDED:
        place, length = struct.unpack_from("<II", header, 112)
        file.seek(_AT + place)
        return {"icc_profile": file.read(min(length, _MAX_PROFILE))}
    if size >= _V4 and kind == _CALIBRATED:
        return _calibrated(header)
    return {"unread_profile": size >= _V5 and kind == _LINKED}


def _calibrated(header: bytes) -> dict[str, Any]:
    points = [value / 2**30 for value in struct.unpack_from("<9i", header, 60)]
    ends = [points[at : at + 3] for at in (0, 3, 6)]
    gammas = [value / 65536 for value in struct.unpack_from("<3I", header, 96)]
    found: dict[str, Any] = {}
    if all(sum(end) > 0 for end in ends):
        whole = [sum(axis) for axis in zip(*ends, strict=True)]
        # Some write x, y, z in place of X, Y, Z: these say nothing of the white.
        is_plain = all(abs(sum(end) - 1) < 0.01 for end in ends)
        pairs = [D65 if is_plain else _xy(whole), *map(_xy, ends)]
        found["chromaticity"] = tuple(value for pair in pairs for value in pair)
    if min(gammas) > 0:
        if max(gammas) - min(gammas) > 0.1:
            return {"unread_profile": True}
        found["gamma"] = 1 / gammas[1] if gammas[1] >= 1 else gammas[1]
    return found


def _xy(point: list[float]) -> tuple[float, float]:
    return point[0] / sum(point), point[1] / sum(point)
