"""The frames of a GIF as browsers show them.

Pillow fills what is disposed of with the background colour, and takes the disposal of the frame before where
one says none. Here each frame is decoded alone and put in its place. Format:
https://www.w3.org/Graphics/GIF/spec-gif89a.txt
"""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from PIL import Image

_IMAGE, _EXTENSION, _CONTROL = 0x2C, 0x21, 0xF9
_TO_BACKGROUND, _TO_PREVIOUS = 2, 3


@dataclass(frozen=True, slots=True)
class Patch:
    """One image of the file, to be decoded alone; `duration` in milliseconds."""

    data: bytes
    place: tuple[int, int]
    size: tuple[int, int]
    disposal: int
    duration: int


def gif_frames_as_seen(data: bytes, most: int) -> Iterator[tuple[Image.Image, int]]:
    """Up to `most` frames in RGBA, each with its milliseconds; it ends before a frame larger than it."""
    canvas = Image.new("RGBA", struct.unpack_from("<HH", data, 6))
    for patch in islice(_patches(data), most):
        if patch.size[0] * patch.size[1] > canvas.width * canvas.height:
            return  # a small picture must not hide a bomb
        with Image.open(io.BytesIO(patch.data), formats=["GIF"]) as alone:
            image = alone.convert("RGBA")
        before = canvas.copy() if patch.disposal == _TO_PREVIOUS else None
        canvas.paste(image, patch.place, image)
        yield canvas.copy(), patch.duration
        if before is not None:
            canvas = before
        elif patch.disposal == _TO_BACKGROUND:
            canvas.paste((0, 0, 0, 0), (*patch.place, *_end(patch.place, image.size)))


def _end(place: tuple[int, int], size: tuple[int, int]) -> tuple[int, int]:
    return place[0] + size[0], place[1] + size[1]


def _patches(data: bytes) -> Iterator[Patch]:
    """Stops where the data does."""
    table, at = _color_table(data, 13, data[10])
    control = b""
    while at < len(data) and data[at] in (_IMAGE, _EXTENSION):
        if data[at] == _EXTENSION:
            end = _sub_blocks_end(data, at + 2)
            if data[at + 1] == _CONTROL and end - at >= 8:
                control = data[at:end]
            at = end
            continue
        if at + 10 > len(data):
            return
        left, top, width, height, flags = struct.unpack_from("<4HB", data, at + 1)
        own_table, pixels_at = _color_table(data, at + 10, flags)
        end = _sub_blocks_end(data, pixels_at + 1)
        colors = own_table or table
        size_bits = 0x80 | ((len(colors) // 3).bit_length() - 2) if colors else 0
        head = b"GIF89a" + struct.pack("<HHBBB", width, height, size_bits, 0, 0) + colors
        place = struct.pack("<4HB", 0, 0, width, height, flags & 0x40)
        alone = head + control + b"\x2c" + place + data[pixels_at:end] + b";"
        packed, time = struct.unpack_from("<BH", control, 3) if control else (0, 0)
        yield Patch(alone, (left, top), (width, height), packed >> 2 & 7, time * 10)
        control, at = b"", end


def _color_table(data: bytes, at: int, flags: int) -> tuple[bytes, int]:
    """The colours at this place, none where the flags say none, and where they end."""
    length = 3 << ((flags & 7) + 1) if flags & 0x80 else 0
    return data[at : at + length], at + length


def _sub_blocks_end(data: bytes, at: int) -> int:
    while at < len(data) and data[at]:
        at += 1 + data[at]
    return at + 1
