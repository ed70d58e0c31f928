"""Which image each process has begun: what a killed one leaves behind says whose try it was.

A note is a small file that its process keeps locked (flock): the lock ends with the process, however that
ends, and then anyone on this machine may act on the note. Where the machine is gone with its notes the leases
run out, and each of their images is tried alone.
"""

from __future__ import annotations

import fcntl
import logging
import os
import secrets
from typing import TYPE_CHECKING, NamedTuple

from django.conf import settings

if TYPE_CHECKING:
    import uuid
    from collections.abc import Callable
    from pathlib import Path

logger = logging.getLogger(__name__)


class Begun(NamedTuple):
    """What a process had in hand: its lease, and the image it worked on."""

    lease: int
    image_id: str


class _Note:
    """This process's own; made when it first has something in hand."""

    pid = 0
    file = -1
    fails = False


def begin(lease: int, image_id: uuid.UUID) -> None:
    _write(f"{lease} {image_id}\n")


def nothing() -> None:
    """Nothing is in hand any more."""
    _write("")


def recover(act: Callable[[Begun], None]) -> int:
    """Calls `act` with what each dead process of this machine had in hand, once; returns how many died so.

    Raises what `act` raises; the note then stays for another try.
    """
    return sum(_take_over(path, act) for path in _folder().glob("*.note"))


def _folder() -> Path:
    folder: Path = settings.MEDIA_ROOT / "in-hand"  # workers of other containers look there too
    return folder


def _write(text: str) -> None:
    try:
        if _Note.pid != os.getpid():
            _Note.file, _Note.pid, _Note.fails = _opened(), os.getpid(), False
        os.ftruncate(_Note.file, 0)
        os.pwrite(_Note.file, text.encode(), 0)
    except OSError as error:
        if not _Note.fails:
            logger.warning("What is in hand is not noted, leases will have to run out: %s", error)
        _Note.fails = True


def _opened() -> int:
    """A new file, locked before anyone sees it under its name."""
    _folder().mkdir(parents=True, exist_ok=True)
    name = f"{os.getpid()}-{secrets.token_hex(4)}"
    draft = _folder() / f".{name}"
    file = os.open(draft, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    fcntl.flock(file, fcntl.LOCK_EX)
    draft.rename(_folder() / f"{name}.note")
    return file


def _take_over(path: Path, act: Callable[[Begun], None]) -> int:
    try:
        file = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return 0
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        lease, _, image_id = os.pread(file, 100, 0).decode().strip().partition(" ")
        if lease:
            act(Begun(int(lease), image_id))
        path.unlink(missing_ok=True)
        return int(bool(lease))
    except BlockingIOError:  # it lives
        return 0
    finally:
        os.close(file)
