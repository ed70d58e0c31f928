"""Whether a JPEG has all its pixels: libjpeg fills up what is missing and says nothing that Pillow passes on.

Markers: ITU-T T.81, annex B; scans of a progressive picture: annex G.
"""

from __future__ import annotations

import io
import os
import re
from collections.abc import Iterator
from typing import Any, BinaryIO

import numpy as np
from PIL import Image
from PIL.JpegImagePlugin import JpegImageFile

END_OF_IMAGE = b"\xff\xd9"
_PIECE = 256 * 1024

# What libjpeg draws where data is missing: all coefficients zero.
_FILL = 128

_START_OF_SCAN = 0xDA
_PROGRESSIVE = (0xC2, 0xCA)
_FRAMES = frozenset((*range(0xC0, 0xC4), *range(0xC5, 0xC8), *range(0xC9, 0xCC), *range(0xCD, 0xD0)))
_COEFFICIENTS = 64

# In entropy-coded data FF is followed by 00, a restart marker or another FF; all else is a marker.
_MARKER = re.compile(rb"\xff([\x01-\xcf\xd8-\xfe])")

# More data, of a kind that changes what is drawn wherever some is still wanted: also behind each restart.
_NOISE = b"\x5a\xa5\x3c\x96\x0f\x69\xd2\x1e" * 8
_MORE = _NOISE + b"".join(bytes((0xFF, 0xD0 + number)) + _NOISE for number in range(8))


def has_no_end(file: BinaryIO, scan_at: int) -> bool:
    """True where no end of the picture follows its first scan, which begins at `scan_at`."""
    length = file.seek(0, os.SEEK_END)
    file.seek(max(scan_at, length - 32))
    if END_OF_IMAGE in file.read():
        return False
    # Phones put their own data behind the end, films of hundreds of megabytes too: never all of it at once.
    file.seek(scan_at)
    before = b""
    while piece := file.read(_PIECE):
        if END_OF_IMAGE in before + piece:
            return False
        before = piece[-1:]
    return True


def ended(file: BinaryIO) -> BinaryIO:
    """The same data with the end that libjpeg waits for."""
    return io.BufferedReader(_Ended(file))


class _Ended(io.RawIOBase):
    """A file as if the end stood behind it; it is not read before it is asked for."""

    def __init__(self, file: BinaryIO) -> None:
        super().__init__()
        self._file, self._length = file, file.seek(0, os.SEEK_END)
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        whole = self._length + len(END_OF_IMAGE)
        self._at = max(0, offset + {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: whole}[whence])
        return self._at

    def readinto(self, into: Any) -> int:
        if self._at < self._length:
            self._file.seek(self._at)
            data = self._file.read(len(into))
        else:
            data = END_OF_IMAGE[self._at - self._length :][: len(into)]
        into[: len(data)] = data
        self._at += len(data)
        return len(data)


def looks_cut(image: Image.Image) -> bool:
    """True where the last pixel of a loaded picture is what libjpeg draws for nothing."""
    last = image.getpixel((image.width - 1, image.height - 1))
    channels = last if isinstance(last, tuple) else (last,)
    return all(abs(int(value or 0) - _FILL) <= 1 for value in channels)


def lacks_pixels(image: Image.Image, file: BinaryIO) -> bool:
    """Whether some pixel of the loaded picture was not in its file.

    Costs next to nothing for most; a progressive picture is decoded twice: one that was cut in its last scan
    looks whole at its last pixel, and has none of its fine detail below some row.
    """
    if "progressive" in image.info:
        return lacks_scans(file) or is_changed_by_more(image, file)
    return bool(image.info.get("unended") or looks_cut(image)) and (lacks_scans(file) or wants_more(file))


def lacks_scans(file: BinaryIO) -> bool:
    """True where a scan is missing which a progressive picture, or one with a scan a component, needs."""
    file.seek(0)
    seen = _Scans()
    data = file.read()
    for marker, place in markers(data):
        body = data[place + 4 : place + 2 + int.from_bytes(data[place + 2 : place + 4], "big")]
        if marker in _FRAMES:
            seen.begin(body, progressive=marker in _PROGRESSIVE)
        elif marker == _START_OF_SCAN:
            seen.add(body)
    return seen.lacking()


class _Scans:
    """For each component its coefficients' bits that are still to come; `None` before the first."""

    def __init__(self) -> None:
        self._progressive = False
        self._left: dict[int, list[int | None]] = {}

    def begin(self, body: bytes, *, progressive: bool) -> None:
        self._progressive = progressive
        names = body[6 : 6 + 3 * body[5] : 3] if len(body) > 5 else b""
        self._left = {name: [None] * _COEFFICIENTS for name in names}

    def add(self, body: bytes) -> None:
        if not body or len(body) < 1 + 2 * body[0] + 3:
            return
        first, last, bits = body[1 + 2 * body[0] :][:3]
        if not self._progressive:
            first, last, bits = 0, _COEFFICIENTS - 1, 0
        for name in body[1 : 1 + 2 * body[0] : 2]:
            if name in self._left and last < _COEFFICIENTS:
                self._left[name][first : last + 1] = [bits & 15] * (last + 1 - first)

    def lacking(self) -> bool:
        return any(bits != 0 for left in self._left.values() for bits in left)


def markers(data: bytes) -> Iterator[tuple[int, int]]:
    """Each marker with its place, up to the end of the picture; entropy-coded data has none."""
    place = 2
    while found := _MARKER.search(data, place):
        marker = found[1][0]
        yield marker, found.start()
        if marker == END_OF_IMAGE[1]:
            return
        place = found.end()
        if marker not in (0x01, 0xD8):
            place += max(2, int.from_bytes(data[place : place + 2], "big"))


def wants_more(file: BinaryIO) -> bool:
    """True where more entropy-coded data before the end changes the picture: some of it was missing.

    When all pixels are there, libjpeg passes over what follows.
    """
    file.seek(0)
    data = file.read()
    end = _end(data)
    as_is, with_more = _drawn(data[:end] + END_OF_IMAGE, 8), _drawn(data[:end] + _MORE + END_OF_IMAGE, 8)
    return not np.array_equal(as_is, with_more)


def is_changed_by_more(image: Image.Image, file: BinaryIO) -> bool:
    """The same of a picture that is loaded already, on the scale on which it is."""
    file.seek(0)
    data = file.read()
    scale, *_ = getattr(image, "decoderconfig", ()) or (1,)
    with_more = _drawn(data[: _end(data)] + _MORE + END_OF_IMAGE, scale)
    return not np.array_equal(np.asarray(image), with_more)


def _end(data: bytes) -> int:
    """Where the end of the picture stands; what follows it may be another one."""
    begun = False
    for marker, place in markers(data):
        begun = begun or marker == _START_OF_SCAN
        if begun and marker == END_OF_IMAGE[1]:
            return place
    return len(data)


def _drawn(data: bytes, scale: int) -> np.ndarray:
    """With sides that are a `scale`th (1, 2, 4 or 8) of the picture's."""
    with JpegImageFile(io.BytesIO(data)) as image:
        image.draft(None, (max(1, image.width // scale), max(1, image.height // scale)))
        return np.asarray(image)
