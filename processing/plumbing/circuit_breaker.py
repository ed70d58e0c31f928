"""After a failure, a while without trying: a frozen server must not hold every request."""

from __future__ import annotations

import threading
import time


class Fuse:
    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._blown_until = 0.0
        self._lock = threading.Lock()

    @property
    def blown(self) -> bool:
        return time.monotonic() < self._blown_until

    def blow(self) -> None:
        with self._lock:
            self._blown_until = time.monotonic() + self._seconds
