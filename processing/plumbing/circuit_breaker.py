"""After a failure, a while without trying: a frozen server must not hold every request."""

from __future__ import annotations

import threading
import time


class CircuitBreaker:
    """Open for `seconds` after each `trip`; while it is open nobody should try."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._open_until = 0.0
        self._lock = threading.Lock()

    @property
    def open(self) -> bool:
        return time.monotonic() < self._open_until

    def trip(self) -> None:
        with self._lock:
            self._open_until = time.monotonic() + self._seconds
