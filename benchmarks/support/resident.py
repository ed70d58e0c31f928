"""How large processes have been in memory."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil

_KILO = 1024


def peak(process: psutil.Process) -> float:
    """MB at its largest so far, as the kernel keeps it; where it keeps none, MB now."""
    status = Path(f"/proc/{process.pid}/status")
    if not status.exists():
        return process.memory_info().rss / 1e6
    [line] = [line for line in status.read_text().splitlines() if line.startswith("VmHWM:")]
    return int(line.split()[1]) * _KILO / 1e6


class Watch:
    """Looks at the processes that `find` gives once a second, also at those that are replaced meanwhile."""

    def __init__(self, find: Callable[[], Sequence[psutil.Process]]) -> None:
        self._find = find
        self._peaks: dict[psutil.Process, float] = {}
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._run)

    @property
    def largest(self) -> float:
        """MB of the largest of them."""
        return max(self._peaks.values())

    def __enter__(self) -> Self:
        self._look()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._done.set()
        self._thread.join()
        self._look()

    def _run(self) -> None:
        while not self._done.wait(1):
            self._look()

    def _look(self) -> None:
        for process in self._find():
            # One that ends between the two has no lines left.
            with suppress(psutil.NoSuchProcess, FileNotFoundError, ValueError):
                self._peaks[process] = max(peak(process), self._peaks.get(process, 0.0))
