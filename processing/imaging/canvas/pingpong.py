"""One more pixel on a canvas that comes as a PNG."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

import numpy as np

from processing.imaging.canvas.canvas import COLORS, MAX_SIDE, WHITE
from processing.imaging.canvas.png_writer import SIGNATURE, write_png
from processing.imaging.errors import ImageFailed
from processing.imaging.pixels.flat import flatten
from processing.imaging.reading.faults import decoder_faults
from processing.imaging.reading.loading import load
from processing.imaging.reading.probe import opened

if TYPE_CHECKING:
    from collections.abc import Iterator

    from PIL import Image

_BAND = 1 << 16
# Guesses at an unused colour before all of them are looked through: of a canvas that has used three quarters
# of all colours, one in a hundred million gets that far.
_GUESSES = 64
_ANY = 1 << 62


@dataclass(frozen=True, slots=True)
class Counted:
    """A canvas after one step; unchanged where nothing was left to colour."""

    is_changed: bool
    coloured: int
    pixels: int

    @property
    def progression(self) -> float:
        """Per cent coloured; 100 only when all are."""
        return 100 * self.coloured / self.pixels


@dataclass(frozen=True, slots=True)
class Step(Counted):
    """The same with the PNG: `data` is None where nothing was left to colour."""

    data: bytes | None


def pixels_claimed(data: bytes) -> int:
    """How many pixels the header of a PNG speaks of, nothing else looked at."""
    return int.from_bytes(data[16:20]) * int.from_bytes(data[20:24])


def one_more(data: bytes, rng: np.random.Generator) -> Step:
    """`one_more_between`, with all of it in memory."""
    out = io.BytesIO()
    step = one_more_between(io.BytesIO(data), out, rng)
    return Step(step.is_changed, step.coloured, step.pixels, out.getvalue() if step.is_changed else None)


def one_more_between(file: BinaryIO, out: BinaryIO, rng: np.random.Generator) -> Counted:
    """Colours one white pixel, picked at random, with a random colour that the canvas does not have yet.

    Reads a PNG from `file` (seekable), writes the one after the step to `out`. White itself is given last of
    all, when no other colour is left. Time and memory go with the pixels, 7 bytes for each at most.
    Raises ImageFailed: unsupported_format, canvas_too_large, truncated, undecodable.
    """
    pixels = _decoded(file)
    height, width, _ = pixels.shape
    used = np.zeros(COLORS, np.bool_)  # pages that nobody touches take no memory
    used[WHITE] = True
    white_in_row = np.zeros(height, np.int64)
    for top, colors in _packed(pixels):
        used[colors] = True
        white_in_row[top : top + len(colors)] = np.count_nonzero(colors == WHITE, axis=1)
    white = int(white_in_row.sum())
    if not white:
        return Counted(False, width * height, width * height)
    row, column = _nth_white(pixels, white_in_row, int(rng.integers(white)))
    color = _unused(used, rng)
    pixels[row, column] = (color >> 16, color >> 8 & 0xFF, color & 0xFF)
    _encode(pixels, out)
    return Counted(True, width * height - white + 1, width * height)


def _decoded(file: BinaryIO) -> np.ndarray:
    """(height, width, 3) uint8, ours to write to; what is transparent is white."""
    if file.read(len(SIGNATURE)) != SIGNATURE:
        raise ImageFailed("unsupported_format", "This is not a PNG.")
    file.seek(0)
    with decoder_faults(file), opened(file, max_pixels=_ANY) as found:
        image = found.image
        if max(image.size) > MAX_SIDE:
            detail = f"The canvas has {image.width} x {image.height} px; allowed are {MAX_SIDE} x {MAX_SIDE}."
            raise ImageFailed("canvas_too_large", detail)
        return _flattened(load(image, found.file))


def _flattened(image: Image.Image) -> np.ndarray:
    """A few rows at a time: no second picture of the canvas' size is ever made but the result."""
    pixels = np.empty((image.height, image.width, 3), np.uint8)
    step = max(1, _BAND // image.width)
    for top in range(0, image.height, step):
        band = image.crop((0, top, image.width, min(top + step, image.height)))
        flat, _alpha = flatten(band)
        pixels[top : top + band.height] = np.asarray(flat if flat.mode == "RGB" else flat.convert("RGB"))
    return pixels


def _packed(pixels: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
    """The number of the first row, and 0xRRGGBB of each pixel, for a few rows at a time."""
    height, width, _ = pixels.shape
    step = max(1, _BAND // width)
    for top in range(0, height, step):
        band = pixels[top : top + step].astype(np.uint32)
        yield top, band[..., 0] << 16 | band[..., 1] << 8 | band[..., 2]


def _nth_white(pixels: np.ndarray, white_in_row: np.ndarray, number: int) -> tuple[int, int]:
    """Where the white pixel `number`, counted from 0 row by row, is."""
    upto = np.cumsum(white_in_row)
    row = int(np.searchsorted(upto, number, side="right"))
    before = int(upto[row] - white_in_row[row])
    columns = np.flatnonzero((pixels[row] == 255).all(axis=1))
    return row, int(columns[number - before])


def _unused(used: np.ndarray, rng: np.random.Generator) -> int:
    """A random colour that is not `used`; white where all are."""
    for color in rng.integers(COLORS, size=_GUESSES):
        if not used[color]:
            return int(color)
    free = np.flatnonzero(~used)
    return int(rng.choice(free)) if free.size else WHITE


def _encode(pixels: np.ndarray, out: BinaryIO) -> None:
    height, width, _ = pixels.shape
    step = max(1, _BAND // width)
    write_png(out, width, height, (pixels[top : top + step] for top in range(0, height, step)))
