"""The frames of a moving picture, each whole, with their timing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

from PIL import Image

from processing.imaging.encoders import Timing
from processing.imaging.reading.gif_film import gif_frames_as_seen

# What browsers show a frame for that says no time.
_UNSAID = 100
_MOVING = frozenset(("GIF", "PNG", "WEBP", "AVIF"))


def moves(image: Image.Image, frames: int) -> bool:
    return frames > 1 and image.format in _MOVING


def pictures(image: Image.Image, frames: int, file: BinaryIO) -> Iterator[tuple[Image.Image, int]]:
    """Each frame as it is seen, disposal and blending resolved, in RGBA, with its milliseconds."""
    if image.format == "GIF":
        file.seek(0)
        for frame, duration in gif_frames_as_seen(file.read(), frames):
            yield frame, duration or _UNSAID
        return
    # The first picture of an APNG may be one for programs that know no animation.
    for number in range(int(bool(image.info.get("default_image"))), frames):
        image.seek(number)
        image.load()
        yield image.convert("RGBA"), round(image.info.get("duration") or 0) or _UNSAID


def plays(image: Image.Image) -> int:
    """How often it is played in all; 0 is for ever. A GIF counts how often it is played again."""
    loop = image.info.get("loop")
    if image.format == "GIF":
        return 1 if loop is None else int(loop) and int(loop) + 1
    return int(loop or 0)


def timing(image: Image.Image, durations: list[int]) -> Timing:
    return Timing(tuple(durations), plays(image))
