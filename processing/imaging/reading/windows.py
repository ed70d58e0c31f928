"""A file made of parts of another, for decoders that must not see all of it."""

from __future__ import annotations

import io
import os
from bisect import bisect_right
from itertools import accumulate
from typing import Any, BinaryIO


class Windows(io.RawIOBase):
    """Reads the parts (start, end) of `file` as if they were one file; closing it leaves `file` open."""

    def __init__(self, file: BinaryIO, parts: list[tuple[int, int]]) -> None:
        self._file = file
        self._parts = parts
        # Where each part begins in here; the last number is the length of all.
        self._starts = [0, *accumulate(end - start for start, end in parts)]
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._starts[-1]}[whence]
        self._position = max(0, base + offset)
        return self._position

    def readinto(self, buffer: Any) -> int:
        view = memoryview(buffer).cast("B")
        if self._position >= self._starts[-1]:
            return 0
        index = bisect_right(self._starts, self._position) - 1
        start, end = self._parts[index]
        place = start + self._position - self._starts[index]
        self._file.seek(place)
        data = self._file.read(min(len(view), end - place))
        view[: len(data)] = data
        self._position += len(data)
        return len(data)
