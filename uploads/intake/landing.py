"""Files on the disk before they are answered for."""

from __future__ import annotations

import os
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

# A 2xx stands for bytes on the disk, also after a power cut. The files of a request go there side by side,
# while the next ones arrive: the file system then writes its journal once for several. A few at a time: to
# hand one over costs as much as to parse it.
_disk = ThreadPoolExecutor(8, thread_name_prefix="disk")
_FEW = 8
# Handfuls of one request that may be on their way at once: each file of them is open.
_MOST_LANDING = 4


def _to_disk(files: Sequence[int]) -> None:
    try:
        for file in files:
            os.fsync(file)
    finally:
        for file in files:
            os.close(file)


def write_all(file: int, data: bytes) -> None:
    """Writes until nothing is left: a disk that is nearly full may take a part, and tells only how much."""
    written = os.write(file, data)
    while written < len(data):
        written += os.write(file, memoryview(data)[written:])


def opened(path: Path) -> tuple[int, bool]:
    """A file to write to, and whether it has no name yet: nothing is left then of one that is broken off."""
    flags = os.O_WRONLY | os.O_CLOEXEC
    with suppress(OSError):  # some file systems know no files without a name
        return os.open(path.parent, flags | os.O_TMPFILE, 0o600), True
    return os.open(path, flags | os.O_CREAT | os.O_EXCL, 0o600), False


def give_name(file: int, path: Path) -> None:
    """Names a file that was opened without one."""
    # With a descriptor, of no use to an absolute path, Python calls linkat(2), which follows the link.
    os.link(f"/proc/self/fd/{file}", path, src_dir_fd=file, follow_symlinks=True)


class Landing:
    """Files on their way to the disk, a few at a time."""

    def __init__(self) -> None:
        self._written: list[int] = []
        self._under_way: deque[Future[None]] = deque()

    def add(self, file: int) -> None:
        self._written.append(file)
        if len(self._written) >= _FEW:
            self._begin()

    def _begin(self) -> None:
        while len(self._under_way) >= _MOST_LANDING:
            self._under_way.popleft().result()
        written, self._written = self._written, []
        self._under_way.append(_disk.submit(_to_disk, written))

    def wait(self) -> None:
        """Raises OSError where one could not be written."""
        self._begin()
        while self._under_way:
            self._under_way.popleft().result()

    def give_up(self) -> None:
        for file in self._written:
            os.close(file)
        self._written = []
        wait(self._under_way)
