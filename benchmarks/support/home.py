"""Where benchmarks keep what they make: removed when all are done, not one by one.

ext4 without a journal passes over the inodes of files that were removed within the last minutes, one by one,
whenever it makes a file (`recently_deleted` in fs/ext4/ialloc.c). So what one benchmark removes, the next one
would pay for: measured, 7 ms an upload.
"""

from __future__ import annotations

import tempfile
from functools import cache
from pathlib import Path


def new_home() -> Path:
    """A home that is not there yet, in a folder of its own, for the time of this process."""
    return Path(tempfile.mkdtemp(dir=_all().name)) / "home"


@cache
def _all() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="bench-")  # goes with the interpreter
