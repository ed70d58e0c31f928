"""Colour profiles, built for tests.

Layout: ICC.1:2010, https://www.color.org/specification/ICC1v43_2010-12.pdf
"""

from __future__ import annotations

import struct
from itertools import product

import numpy as np

Primaries = tuple[tuple[float, float, float], ...]

# Columns X, Y, Z under D50.
DISPLAY_P3: Primaries = ((0.5151, 0.2412, -0.0011), (0.2920, 0.6922, 0.0419), (0.1571, 0.0666, 0.7841))
SRGB: Primaries = ((0.4361, 0.2225, 0.0139), (0.3851, 0.7169, 0.0971), (0.1431, 0.0606, 0.7141))


def rgb_profile(primaries: Primaries, gamma: float | None = None) -> bytes:
    """A display profile with three primaries; the sRGB curve unless a plain gamma is given."""
    curve = b"curv" + bytes(4) + _srgb_curve() if gamma is None else _gamma_curve(gamma)
    tags = {name: _xyz(values) for name, values in zip((b"rXYZ", b"gXYZ", b"bXYZ"), primaries, strict=True)}
    tags |= dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), curve)
    return _profile(b"mntr", b"RGB ", b"XYZ ", tags)


def cmyk_profile(corners: dict[tuple[int, ...], tuple[float, float, float]]) -> bytes:
    """A printer profile: the Lab colour of each full or missing ink; those not given are black."""
    ramp = bytes(range(256))
    grid = b"".join(_lab8(corners.get(inks, (0, 0, 0))) for inks in product((0, 1), repeat=4))
    identity = struct.pack(">9i", 65536, 0, 0, 0, 65536, 0, 0, 0, 65536)
    table = b"mft1" + bytes(4) + bytes((4, 3, 2, 0)) + identity + ramp * 4 + grid + ramp * 3
    return _profile(b"prtr", b"CMYK", b"Lab ", {b"A2B0": table, b"A2B1": table})


def _profile(device: bytes, space: bytes, connection: bytes, tags: dict[bytes, bytes]) -> bytes:
    tags = {
        b"desc": _description(),
        b"cprt": b"text" + bytes(4) + b"none\0",
        b"wtpt": _xyz((0.9642, 1.0, 0.8249)),
        **tags,
    }
    offset, table, body = 128 + 4 + 12 * len(tags), b"", b""
    for name, data in tags.items():
        table += name + struct.pack(">II", offset + len(body), len(data))
        body += data + bytes(-len(data) % 4)
    size = struct.pack(">I", offset + len(body))
    header = (
        size + bytes(4) + struct.pack(">I", 0x02100000) + device + space + connection + bytes(12) + b"acsp"
    )
    header = header.ljust(68, b"\0") + struct.pack(">3i", 63190, 65536, 54061)
    return header.ljust(128, b"\0") + struct.pack(">I", len(tags)) + table + body


def _description() -> bytes:
    return b"desc" + bytes(4) + struct.pack(">I", 5) + b"test\0" + bytes(78)


def _xyz(values: tuple[float, float, float]) -> bytes:
    return b"XYZ " + bytes(4) + struct.pack(">3i", *(round(value * 65536) for value in values))


def _gamma_curve(gamma: float) -> bytes:
    return b"curv" + bytes(4) + struct.pack(">IH", 1, round(gamma * 256))


def _srgb_curve() -> bytes:
    encoded = np.linspace(0, 1, 1024)
    linear = np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)
    return struct.pack(">I1024H", 1024, *(int(value) for value in np.round(linear * 65535)))


def _lab8(lab: tuple[float, float, float]) -> bytes:
    return bytes((round(lab[0] * 2.55), round(lab[1] + 128), round(lab[2] + 128)))
