"""TIFFs whose samples Pillow does not know or misreads: signed, floating point, 32 and 64 bits, deep LAB.

libtiff, through Pillow, unpacks them as grey bytes under a directory of our own; NumPy makes numbers of
these.
Predictors: TIFF 6.0, section 14, and technical note 3; LAB: section 23, ICCLAB: technical note 4.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Callable
from typing import BinaryIO

import numpy as np
from PIL import Image, ImageCms

from processing.imaging.errors import ImageFailed
from processing.imaging.reading.tiff import header as tags
from processing.imaging.reading.tiff.header import TiffHeader

_UNSIGNED, _SIGNED, _FLOAT = 1, 2, 3
_KINDS = {_UNSIGNED: "u", _SIGNED: "i", _FLOAT: "f"}
_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB, _INKS, _LAB, _ICC_LAB = 0, 1, 2, 5, 8, 9
_COLORS = {_WHITE_IS_ZERO: 1, _BLACK_IS_ZERO: 1, _RGB: 3, _INKS: 4, _LAB: 3, _ICC_LAB: 3}
_MODES = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}
_ALPHA = (1, 2)
_DIFFERENCES, _FLOAT_DIFFERENCES = 2, 3

# The number of entries of a directory, by the size of an offset.
_COUNT = {4: "H", 8: "Q"}

_AT_ONCE = 4 * 1024 * 1024


def is_ours(header: TiffHeader) -> bool:
    """True where Pillow would refuse the samples, or take signed ones for unsigned."""
    bits, formats = header.tags.get(tags.BITS, (1,)), header.tags.get(tags.SAMPLE_FORMAT, (1,))
    photometric = header.one(tags.PHOTOMETRIC, 1)
    same = len(set(bits)) == 1 and len(set(formats)) == 1
    return (
        same
        and photometric in _COLORS
        and formats[0] in _KINDS
        and bits[0] in ((16, 32, 64) if formats[0] == _FLOAT else (8, 16, 32, 64))
        and len(bits) in (1, header.one(tags.SAMPLES, 1))
        and (
            formats[0] != _UNSIGNED
            or bits[0] > 16
            or photometric == _ICC_LAB
            or (photometric == _LAB and bits[0] > 8)
        )
    )


def open_tiff(file: BinaryIO, header: TiffHeader) -> TiffSamples:
    return TiffSamples(file, header)


class TiffSamples(Image.Image):
    """Behaves like a picture that Pillow has opened: its size is known, `load` makes its 8-bit pixels."""

    format = "TIFF"

    def __init__(self, file: BinaryIO, header: TiffHeader) -> None:
        super().__init__()
        self._file, self._header = file, header
        self._size = header.one(tags.WIDTH, 0), header.one(tags.HEIGHT, 0)
        if min(self._size) < 1:
            raise ImageFailed("undecodable", "The header of this picture is damaged.")
        self._samples = header.one(tags.SAMPLES, 1)
        photometric = header.one(tags.PHOTOMETRIC, 1)
        self._colors = _COLORS[photometric]
        if self._samples < self._colors:
            raise ImageFailed("undecodable", "The header of this picture is damaged.")
        extra = header.tags.get(tags.EXTRA_SAMPLES, ())
        self._has_alpha = self._samples > self._colors < 4 and bool(extra) and extra[0] in _ALPHA
        self._mode = "CMYK" if photometric == _INKS else _MODES[self._colors + self._has_alpha]
        self.info["orientation"] = header.one(tags.ORIENTATION, 1)
        if tags.PROFILE in header.tags:
            self.info["icc_profile"] = bytes(value & 255 for value in header.tags[tags.PROFILE])
        self.is_deep = header.one(tags.BITS, 8) > 8

    @property
    def bytes_per_pixel(self) -> int:
        return self._samples * self._header.one(tags.BITS, 8) // 8

    def load(self) -> None:
        if self._im is not None:
            return
        numbers = self._numbers()
        kept = numbers[..., : self._colors]
        photometric = self._header.one(tags.PHOTOMETRIC, 1)
        if photometric in (_LAB, _ICC_LAB):
            image = _lab(kept, signed=photometric == _LAB)
        else:
            pixels = _stretched(kept)
            pixels = 255 - pixels if photometric == _WHITE_IS_ZERO else pixels
            image = Image.fromarray(
                pixels[..., 0] if self._colors == 1 else pixels, self.mode.removesuffix("A")
            )
        if self._has_alpha:
            image.putalpha(Image.fromarray(_opacity(numbers[..., self._colors]), "L"))
        self._im = image.im

    def _numbers(self) -> np.ndarray:
        """Shape (height, width, samples), in the machine's byte order."""
        header = self._header
        kind = _KINDS[header.one(tags.SAMPLE_FORMAT, 1)]
        size = header.one(tags.BITS, 8) // 8
        planes = self._samples if header.one(tags.PLANAR, 1) == 2 else 1
        together = self._samples // planes
        parts = []
        for plane in range(planes):
            rows = _bytes_of_plane(self._file, header, plane, planes, together * size)
            parts.append(_unpredicted(rows, header, f"{kind}{size}", together))
        return np.concatenate(parts, axis=2) if planes > 1 else parts[0]


def _bytes_of_plane(file: BinaryIO, header: TiffHeader, plane: int, planes: int, pixel: int) -> np.ndarray:
    """Shape (height, width x pixel) of bytes, unpacked but still with their predictor."""
    known = header.tags
    width, height = known[tags.WIDTH][0], known[tags.HEIGHT][0]
    entries: dict[int, tuple[int, ...]] = {
        tags.WIDTH: (width * pixel,),
        tags.HEIGHT: (height,),
        tags.BITS: (8,),
        tags.PHOTOMETRIC: (1,),
    }
    entries |= {tags.SAMPLES: (1,), tags.COMPRESSION: known.get(tags.COMPRESSION, (1,))}
    if tags.TILE_OFFSETS in known:
        entries |= {
            tags.TILE_WIDTH: (known[tags.TILE_WIDTH][0] * pixel,),
            tags.TILE_LENGTH: known[tags.TILE_LENGTH],
        }
        places, lengths = tags.TILE_OFFSETS, tags.TILE_LENGTHS
    else:
        entries[tags.ROWS_PER_STRIP] = (min(height, header.one(tags.ROWS_PER_STRIP, height)),)
        places, lengths = tags.STRIP_OFFSETS, tags.STRIP_LENGTHS
    for tag in (places, lengths):
        each = len(known[tag]) // planes
        entries[tag] = known[tag][plane * each : (plane + 1) * each]
    file.seek(0)
    data = file.read()
    with Image.open(io.BytesIO(_with_directory(data, header, entries)), formats=["TIFF"]) as image:
        return np.asarray(image)


def _with_directory(data: bytes, header: TiffHeader, entries: dict[int, tuple[int, ...]]) -> bytes:
    """The same file with this directory behind it and named in its head; its data stay where they are."""
    order, kind, number = header.order, 16 if header.big else 4, "Q" if header.big else "I"
    size = struct.calcsize(number)
    data += bytes(-len(data) % 16)
    at = len(data)
    body_at = at + struct.calcsize(f"={_COUNT[size]}{len(entries) * (4 + 2 * size)}x{number}")
    table, body = struct.pack(order + _COUNT[size], len(entries)), b""
    for tag, values in sorted(entries.items()):
        packed = struct.pack(f"{order}{len(values)}{number}", *values)
        if len(values) > 1:
            packed, body = struct.pack(order + number, body_at + len(body)), body + packed
        table += struct.pack(f"{order}HH{number}", tag, kind, len(values)) + packed
    head = data[:8] if header.big else data[:4]
    return head + struct.pack(order + number, at) + data[len(head) + size :] + table + bytes(size) + body


def _unpredicted(rows: np.ndarray, header: TiffHeader, layout: str, samples: int) -> np.ndarray:
    """Bytes as numbers ("u2", "f4") of shape (height, width, samples)."""
    kind = np.dtype(layout)
    # Differences run over a row, or over the row of a tile.
    run = header.one(tags.TILE_WIDTH, rows.shape[1])
    predictor = header.one(tags.PREDICTOR, 1)
    if predictor == _FLOAT_DIFFERENCES:
        parts = _runs(rows, run * kind.itemsize * samples)
        return np.concatenate([_float_run(part, kind.itemsize, samples) for part in parts], axis=1)
    numbers = np.ascontiguousarray(rows).view(f"{header.order}{layout}")
    numbers = numbers.reshape(len(rows), -1, samples).astype(kind, copy=False)
    if predictor == _DIFFERENCES:
        whole = f"u{kind.itemsize}"
        parts = [np.cumsum(part, axis=1, dtype=whole) for part in _runs(numbers.view(whole), run)]
        numbers = np.concatenate(parts, axis=1).view(kind)
    return numbers


def _runs(array: np.ndarray, length: int) -> list[np.ndarray]:
    return [array[:, start : start + length] for start in range(0, array.shape[1], length)]


def _float_run(rows: np.ndarray, size: int, samples: int) -> np.ndarray:
    """Bytes sorted by significance, highest first, as differences over the whole row."""
    height, length = rows.shape
    summed = np.cumsum(rows.reshape(height, -1, samples), axis=1, dtype=np.uint8).reshape(height, size, -1)
    joined = np.ascontiguousarray(summed.transpose(0, 2, 1))
    numbers = joined.view(f">f{size}").reshape(height, length // (size * samples), samples)
    return numbers.astype(f"=f{size}")


def _stretched(numbers: np.ndarray) -> np.ndarray:
    """8 bits: 0 to 1 in floating point is black to white; else what is there runs from black to white."""
    low, high = _range(numbers)
    return _in_steps(numbers, lambda part: _scaled(part, low, high))


def _range(numbers: np.ndarray) -> tuple[float, float]:
    if numbers.dtype.kind == "u" and numbers.dtype.itemsize <= 2:
        return 0.0, float(np.iinfo(numbers.dtype).max)
    finite = numbers[np.isfinite(numbers)] if numbers.dtype.kind == "f" else numbers
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)
    return (0.0, 1.0) if numbers.dtype.kind == "f" and low >= 0 and high <= 1 else (low, high)


def _scaled(numbers: np.ndarray, low: float, high: float) -> np.ndarray:
    with np.errstate(all="ignore"):
        wide = np.nan_to_num(numbers.astype(np.float64), nan=low, posinf=high, neginf=low)
        return np.clip((wide - low) * (255 / ((high - low) or 1.0)) + 0.5, 0, 255).astype(np.uint8)


def _opacity(numbers: np.ndarray) -> np.ndarray:
    most = 1.0 if numbers.dtype.kind == "f" else float(np.iinfo(numbers.dtype).max)
    return _in_steps(numbers, lambda part: _scaled(part, 0.0, most))


def _in_steps(numbers: np.ndarray, change: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """Some rows at a time: in double precision all of them would take eight times the memory."""
    rows = max(1, _AT_ONCE // max(1, numbers[:1].size))
    return np.concatenate([change(numbers[start : start + rows]) for start in range(0, len(numbers), rows)])


def _lab(numbers: np.ndarray, *, signed: bool) -> Image.Image:
    """L from 0 to 100, a and b in steps of 1 (8 bits) or 1/256 (16 bits), signed or 128 above."""
    lab = Image.fromarray(_in_steps(numbers, lambda part: _lab8(part, signed=signed)), "LAB")
    transform = ImageCms.buildTransform(
        ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB"), "LAB", "RGB"
    )
    converted = ImageCms.applyTransform(lab, transform)
    assert converted is not None
    return converted


def _lab8(numbers: np.ndarray, *, signed: bool) -> np.ndarray:
    if numbers.dtype.kind == "f":
        lightness, axes = numbers[..., :1] * 2.55, numbers[..., 1:] + 128.0
    else:
        size = numbers.dtype.itemsize
        step = 256.0 ** (size - 1)
        white = 255 * step if not signed else 256 * step - 1
        lightness = numbers[..., :1].view(f"u{size}") * (255.0 / white)
        axes = numbers[..., 1:].view(f"i{size}" if signed else f"u{size}") / step + (128.0 if signed else 0.0)
    unsigned = np.clip(np.concatenate((lightness, axes), axis=2) + 0.5, 0, 255).astype(np.uint8)
    return unsigned ^ np.array((0, 128, 128), np.uint8)  # Pillow wants a and b as TIFF has them
