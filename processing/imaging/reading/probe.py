"""What a picture's header says."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import BinaryIO

from PIL import Image

from processing.imaging.errors import ImageFailed
from processing.imaging.pixels.orientation import orientation_of, swapped
from processing.imaging.reading.faults import decoder_faults
from processing.imaging.reading.formats import format_of, open_image, read_head
from processing.imaging.reading.frames import gif_frames, tiff_frames
from processing.imaging.reading.jpeg_header import refuse_metadata_bomb
from processing.imaging.reading.png_header import png_exif
from processing.imaging.reading.webp_header import webp_canvas

# Pixels that a frame counts for at least: a million frames of one pixel are a bomb, too.
_LEAST_FRAME = 1024


@dataclass(frozen=True, slots=True)
class Probe:
    """`width` and `height` in px as shown, after the EXIF turn; `frames` also counts the pages of a TIFF."""

    content_type: str
    width: int
    height: int
    frames: int


def probe(file: BinaryIO, *, max_pixels: int) -> Probe:
    """Read the header only. Raises ImageFailed, also when width x height x frames exceeds `max_pixels`."""
    with decoder_faults(file), opened(file, max_pixels=max_pixels) as (_image, seen):
        return seen


@contextmanager
def opened(file: BinaryIO, *, max_pixels: int) -> Iterator[tuple[Image.Image, Probe]]:
    """The picture, within its budget but not decoded yet, beside what its header says."""
    head = read_head(file)
    if canvas := webp_canvas(head):
        # libwebp takes memory for the canvas as soon as the file is opened, before Pillow tells its size.
        _refuse_above(max_pixels, *canvas, 1)
    if head[:2] == b"\xff\xd8":
        refuse_metadata_bomb(file)
    with open_image(file) as image:
        _refuse_above(max_pixels, image.width, image.height, 1)
        position = file.tell()
        frames = _frames(image, file, max_pixels // max(image.width * image.height, _LEAST_FRAME) + 1)
        if image.format == "PNG":
            image.info.setdefault("exif", png_exif(file))
        file.seek(position)
        _refuse_above(max_pixels, image.width, image.height, frames)
        width, height = swapped(image.size, orientation_of(image))
        yield image, Probe(format_of(image).content_type, width, height, frames)


def _refuse_above(max_pixels: int, width: int, height: int, frames: int) -> None:
    # Frames count too: a small GIF with 10,000 frames is a bomb.
    pixels = width * height * frames if frames == 1 else max(width * height, _LEAST_FRAME) * frames
    if pixels > max_pixels:
        shape = f"{width} x {height} px" + (f" x {frames} or more frames" if frames > 1 else "")
        raise ImageFailed("too_many_pixels", f"The picture has {shape}; allowed are {max_pixels} pixels.")


def _frames(image: Image.Image, file: BinaryIO, limit: int) -> int:
    """Frames, counted no further than `limit`, which is one above what the budget holds."""
    match image.format:
        case "GIF" | "TIFF":
            return (gif_frames if image.format == "GIF" else tiff_frames)(file, limit)
        case "JPEG" | "MPO":
            return 1  # the further pictures of a multi-picture JPEG are never decoded
    return int(getattr(image, "n_frames", 1))
