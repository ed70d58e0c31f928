"""What a picture's header says."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import BinaryIO

from PIL import Image, UnidentifiedImageError

from processing.imaging.errors import ImageFailed
from processing.imaging.pixels.orientation import orientation_of, swapped
from processing.imaging.reading.faults import decoder_faults
from processing.imaging.reading.formats import format_of, open_image, read_head
from processing.imaging.reading.frames import gif_frames, tiff_frames
from processing.imaging.reading.sources import Source, prepared
from processing.imaging.reading.tiff.samples import TiffSamples, is_ours
from processing.imaging.reading.webp_header import webp_canvas

# Pixels that a frame counts for at least: a million frames of one pixel are a bomb, too.
_LEAST_FRAME = 1024

# Beyond the budget only the first frame is decoded; from here on nobody means a picture.
_FAR_BEYOND, _MOST_FRAMES = 8, 5_000


@dataclass(frozen=True, slots=True)
class Probe:
    """`width` and `height` in px as shown, after the EXIF turn; `frames` also counts a TIFF's pages."""

    content_type: str
    width: int
    height: int
    frames: int


def probe(file: BinaryIO, *, max_pixels: int) -> Probe:
    """Read the header only. Raises ImageFailed, also for more than `max_pixels`, all frames for far more."""
    with decoder_faults(file), opened(file, max_pixels=max_pixels) as found:
        return found.seen


@dataclass(frozen=True, slots=True)
class Opened:
    """`image` is within its budget but not decoded yet; `file` is what its decoder reads."""

    image: Image.Image
    seen: Probe
    file: BinaryIO


@contextmanager
def opened(file: BinaryIO, *, max_pixels: int) -> Iterator[Opened]:
    """The picture with its header read."""
    head = read_head(file)
    if canvas := webp_canvas(head):
        # libwebp takes memory for the canvas as soon as the file is opened, before Pillow tells its size.
        _refuse_above(max_pixels, *canvas, 1)
    source = prepared(file, head)
    with _open(source, max_pixels) as image:
        _refuse_above(max_pixels, image.width, image.height, 1)
        image.info.update({name: value for name, value in source.info.items() if value})
        position = source.file.tell()
        frames = _frames(image, source, max_pixels)
        source.file.seek(position)
        if image.format != "TIFF":  # the further pages of a TIFF are never decoded
            _refuse_above(max_pixels, image.width, image.height, frames)
        width, height = swapped(image.size, orientation_of(image))
        yield Opened(image, Probe(format_of(image).content_type, width, height, frames), source.file)


def _open(source: Source, max_pixels: int) -> Image.Image:
    if source.tiff is None:
        return open_image(source.file)
    if is_ours(source.tiff):
        image = TiffSamples(source.file, source.tiff)
        # Its samples are numbers of up to eight bytes: they take the memory of more pixels.
        _refuse_above(max_pixels, image.width, image.height * max(1, image.bytes_per_pixel // 8), 1)
        return image
    try:
        return open_image(source.file)
    except UnidentifiedImageError as error:
        raise ImageFailed("unsupported_format", f"We cannot read a TIFF of {source.tiff.kind}.") from error


def within_budget(seen: Probe, max_pixels: int) -> bool:
    """Whether all frames of the picture may be decoded, and not only the first."""
    return seen.frames == 1 or _all_pixels(seen.width, seen.height, seen.frames) <= max_pixels


def _all_pixels(width: int, height: int, frames: int) -> int:
    return width * height if frames == 1 else max(width * height, _LEAST_FRAME) * frames


def _refuse_above(max_pixels: int, width: int, height: int, frames: int) -> None:
    """Of an animation beyond the budget the first frame is shown; one far beyond it is a bomb."""
    pixels = _all_pixels(width, height, frames)
    if width * height <= max_pixels and (pixels <= max_pixels or frames < _limit(max_pixels, width, height)):
        return
    shape = f"{width} x {height} px" + (f" x {frames} or more frames" if frames > 1 else "")
    raise ImageFailed("too_many_pixels", f"The picture has {shape}; allowed are {max_pixels} pixels.")


def _limit(max_pixels: int, width: int, height: int) -> int:
    """The number of frames that is too many."""
    each = max(width * height, _LEAST_FRAME)
    return max(max_pixels // each, min(_MOST_FRAMES, _FAR_BEYOND * max_pixels // each)) + 1


def _frames(image: Image.Image, source: Source, max_pixels: int) -> int:
    """Frames, counted no further than to the number that is too many."""
    limit = _limit(max_pixels, *image.size)
    match image.format:
        case "GIF":
            return gif_frames(source.file, limit)
        case "TIFF":
            return tiff_frames(source.file, _MOST_FRAMES)
        case "JPEG" | "MPO":
            return 1  # the further pictures of a multi-picture JPEG are never decoded
        case "HEIF":
            return source.frames  # nor are those beside the primary picture of a HEIC
    return int(getattr(image, "n_frames", 1))
