"""Ids that sort by the time they were made (UUIDv7)."""

import os
import threading
import time
import uuid

_lock = threading.Lock()
_last = 0


def uuid7() -> uuid.UUID:
    """A UUIDv7 (RFC 9562, section 5.7), greater than every one this process made before.

    48 bits of milliseconds, then 74 random bits; within a millisecond the number counts up from the last one
    (section 6.2, method 2), so the images of one request sort in upload order.
    """
    global _last  # noqa: PLW0603
    milliseconds = time.time_ns() // 1_000_000
    fresh = milliseconds << 74 | int.from_bytes(os.urandom(9)) << 1  # the top of the counter is left clear
    with _lock:
        _last = fresh if fresh >> 74 > _last >> 74 else _last + 1
        value = _last
    high, low = value >> 62, value & (1 << 62) - 1
    stamp, rand_a = high >> 12, high & 0xFFF
    return uuid.UUID(int=stamp << 80 | 0x7 << 76 | rand_a << 64 | 0b10 << 62 | low)
