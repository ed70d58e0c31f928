"""Colour spaces that a file names instead of carrying a profile, as profiles that a colour engine can use.

Numbers of primaries and curves: ITU-T H.273. Curves: PQ in SMPTE ST 2084, HLG in ITU-R BT.2100; the light of
paper white (203 cd/m2) in ITU-R BT.2408. Adobe RGB (1998) in Exif: DCF 2.0, "R03". Profiles: ICC.1:2010.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

Point = tuple[float, float]

D65, _D50, _C, _E, _DCI = (0.3127, 0.329), (0.3457, 0.3585), (0.31, 0.316), (1 / 3, 1 / 3), (0.314, 0.351)


@dataclass(frozen=True, slots=True)
class Space:
    """White, red, green and blue in x and y; `curve` is "srgb", "pq", "hlg" or an exponent as text."""

    white: Point
    red: Point
    green: Point
    blue: Point
    curve: str = "srgb"


SRGB = Space(D65, (0.64, 0.33), (0.3, 0.6), (0.15, 0.06))
ADOBE_RGB = Space(D65, (0.64, 0.33), (0.21, 0.71), (0.15, 0.06), "2.19921875")

_PRIMARIES = {
    1: SRGB,
    4: Space(_C, (0.67, 0.33), (0.21, 0.71), (0.14, 0.08)),
    5: Space(D65, (0.64, 0.33), (0.29, 0.6), (0.15, 0.06)),
    6: Space(D65, (0.63, 0.34), (0.31, 0.595), (0.155, 0.07)),
    7: Space(D65, (0.63, 0.34), (0.31, 0.595), (0.155, 0.07)),
    8: Space(_C, (0.681, 0.319), (0.243, 0.692), (0.145, 0.049)),
    9: Space(D65, (0.708, 0.292), (0.17, 0.797), (0.131, 0.046)),
    10: Space(_E, (1.0, 0.0), (0.0, 1.0), (0.0, 0.0)),
    11: Space(_DCI, (0.68, 0.32), (0.265, 0.69), (0.15, 0.06)),
    12: Space(D65, (0.68, 0.32), (0.265, 0.69), (0.15, 0.06)),
    22: Space(D65, (0.63, 0.34), (0.295, 0.605), (0.155, 0.077)),
}
# The curves of television cameras (1, 6, 7, 14, 15) are shown as sRGB, as browsers do.
_CURVES = {4: "2.2", 5: "2.8", 8: "1.0", 16: "pq", 17: "2.6", 18: "hlg"}

_PAPER_WHITE = 203.0
_PQ_PEAK, _HLG_PEAK = 10_000.0, 1_000.0
# Up to here light is kept as it is; what is brighter than paper is pressed into the rest.
_SHOULDER = 0.98
_STEPS = 4096


def from_cicp(primaries: int, transfer: int) -> Space | None:
    """None where the numbers say sRGB, or nothing."""
    known = _PRIMARIES.get(primaries, SRGB)
    space = Space(known.white, known.red, known.green, known.blue, _CURVES.get(transfer, "srgb"))
    return None if space == SRGB else space


@lru_cache(maxsize=16)
def profile(space: Space, mode: str) -> bytes:
    """An ICC profile for RGB, or one for grey (mode "L")."""
    curve = _curve(space.curve)
    if mode == "L":
        return _profile(b"GRAY", {b"kTRC": curve})
    columns = _to_d50(space)
    tags = {name: _xyz(column) for name, column in zip((b"rXYZ", b"gXYZ", b"bXYZ"), columns.T, strict=True)}
    return _profile(b"RGB ", tags | dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), curve))


def _light(curve: str) -> np.ndarray:
    """Linear light, 1 is white, of the codes from 0 to 1 in equal steps."""
    codes = np.linspace(0, 1, _STEPS)
    match curve:
        case "srgb":
            return np.where(codes <= 0.04045, codes / 12.92, ((codes + 0.055) / 1.055) ** 2.4)
        case "pq":
            return _toned(_pq(codes) * (_PQ_PEAK / _PAPER_WHITE))
        case "hlg":
            return _toned(_hlg(codes) ** 1.2 * (_HLG_PEAK / _PAPER_WHITE))
    return codes ** float(curve)


def _pq(codes: np.ndarray) -> np.ndarray:
    root = codes ** (1 / 78.84375)
    return (np.maximum(root - 0.8359375, 0) / (18.8515625 - 18.6875 * root)) ** (1 / 0.1593017578125)


def _hlg(codes: np.ndarray) -> np.ndarray:
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    return np.where(codes <= 0.5, codes**2 / 3, (np.exp((codes - c) / a) + b) / 12)


def _toned(light: np.ndarray) -> np.ndarray:
    """Paper white stays white, and what shines brighter still differs from it a little."""
    room = 1 - _SHOULDER
    return np.where(light <= _SHOULDER, light, 1 - room * np.exp(-np.maximum(light - _SHOULDER, 0) / room))


def _to_d50(space: Space) -> np.ndarray:
    """Columns X, Y, Z of the primaries under the white D50 of all profiles, adapted by Bradford's matrix."""
    corners = np.array([_xyz_of(point) for point in (space.red, space.green, space.blue)]).T
    white = _xyz_of(space.white)
    scaled = corners * np.linalg.solve(corners, white)
    cones = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])
    gains = (cones @ np.array((0.9642, 1.0, 0.8249))) / (cones @ white)
    return np.asarray(np.linalg.inv(cones) @ np.diag(gains) @ cones @ scaled)


def _xyz_of(point: Point) -> np.ndarray:
    """Of luminance 1; blue of the imaginary primaries has none, it gets a very small one."""
    x, y = point[0], max(point[1], 1e-6)
    return np.array((x / y, 1.0, (1 - x - y) / y))


def _profile(space: bytes, tags: dict[bytes, bytes]) -> bytes:
    text = b"desc" + bytes(4) + struct.pack(">I", 6) + b"named\0" + bytes(78)
    tags = {
        b"desc": text,
        b"cprt": b"text" + bytes(4) + b"none\0",
        b"wtpt": _xyz((0.9642, 1.0, 0.8249)),
        **tags,
    }
    places, body = {}, b""
    at = 128 + 4 + 12 * len(tags)
    for data in dict.fromkeys(tags.values()):
        places[data] = at + len(body)
        body += data + bytes(-len(data) % 4)
    table = b"".join(name + struct.pack(">II", places[data], len(data)) for name, data in tags.items())
    header = (
        struct.pack(">III", at + len(body), 0, 0x02100000) + b"mntr" + space + b"XYZ " + bytes(12) + b"acsp"
    )
    header = header.ljust(68, b"\0") + _xyz((0.9642, 1.0, 0.8249))[8:]
    return header.ljust(128, b"\0") + struct.pack(">I", len(tags)) + table + body


def _xyz(values: tuple[float, ...] | np.ndarray) -> bytes:
    return b"XYZ " + bytes(4) + struct.pack(">3i", *(round(float(value) * 65536) for value in values))


def _curve(name: str) -> bytes:
    values = np.round(_light(name) * 65535).astype(">u2")
    return b"curv" + bytes(4) + struct.pack(">I", _STEPS) + values.tobytes()
