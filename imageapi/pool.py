"""What keeps one pool process's trouble its own: decoders are other people's code, fed by strangers."""

from __future__ import annotations

import gc
import os
import resource
import signal
from typing import Any

from django.conf import settings

from imageapi.up import subprocesses

# The pool is forked from the process that imported this.
_worker = os.getpid()


def guard(**_: Any) -> None:
    """Bounds this pool process: its memory, its life, the mess it leaves. Celery calls it after the fork.

    Memory is what a decoder takes for itself (RLIMIT_DATA: heap and private mappings, no libraries). One that
    asks for more gets MemoryError, which is an answer for that image; without a bound the machine's
    out-of-memory killer chooses, and it may choose the database. macOS keeps no such bound.
    """
    bound("RLIMIT_DATA", settings.IMAGE_MEMORY_BYTES)
    bound("RLIMIT_CORE", 0)  # a segfault would write all of that memory to the disk
    subprocesses.die_with_parent(_worker, signal.SIGKILL)
    gc.freeze()  # what the worker has loaded stays: to look through it again and again only copies its pages


def bound(name: str, limit: int) -> None:
    """Lowers a limit of this process, for good; one that is lower already stays."""
    kind = getattr(resource, name)
    hard = resource.getrlimit(kind)[1]
    limit = limit if hard == resource.RLIM_INFINITY else min(limit, hard)
    resource.setrlimit(kind, (limit, limit))
