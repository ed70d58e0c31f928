"""What processes have used of the processor."""

from __future__ import annotations

from collections.abc import Iterable

import psutil


def cpu_seconds(processes: Iterable[psutil.Process]) -> float:
    """Of the user's code and the kernel's, all of them together, since they began."""
    return sum(sum(process.cpu_times()[:2]) for process in processes)
