"""One readable log out of the output of many children."""

from __future__ import annotations

import os
from collections import deque
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TextIO

ROTATE_BYTES = 10_000_000
LONGEST_LINE_BYTES = 65_536
_COLOURS = (36, 33, 32, 35, 34, 31)


class Lines:
    """Bytes as they come, lines as they are complete."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> list[str]:
        """The lines that `data` completes; no data is the end, which completes the last one."""
        *complete, self._rest = (self._rest + data).split(b"\n")
        # A child that never ends its line must not fill our memory.
        if self._rest and (not data or len(self._rest) > LONGEST_LINE_BYTES):
            complete.append(self._rest)
            self._rest = b""
        return [line.rstrip(b"\r").decode(errors="replace") for line in complete]


class JoinedLog:
    """Writes `name | line` to the terminal, with the time also to a file; colours only a real terminal."""

    def __init__(self, path: Path, terminal: TextIO, *, width: int = 8) -> None:
        rotate(path)
        self._file = path.open("a", encoding="utf-8")
        self._terminal: TextIO | None = terminal
        self._coloured = terminal.isatty()
        self._width = width
        self._colours: dict[str, int] = {}
        self._last: dict[str, deque[str]] = {}

    def write(self, name: str, line: str) -> None:
        """One line of one child."""
        self._last.setdefault(name, deque(maxlen=20)).append(line)
        prefix = f"{name:<{self._width}} | "
        self._file.write(f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ} {prefix}{line}\n")
        self._file.flush()
        self.say(f"{self._colour(name, prefix)}{line}")

    def say(self, line: str) -> None:
        """A line of our own for the terminal alone: it may hold a password."""
        if self._terminal is None:
            return
        try:
            self._terminal.write(f"{line}\n")
            self._terminal.flush()
        except OSError:
            # The reader is gone (`make up | head`); the service goes on, its file has everything.
            os.dup2(os.open(os.devnull, os.O_WRONLY), self._terminal.fileno())
            self._terminal = None

    def last(self, name: str) -> str:
        """The last lines of one child."""
        return "\n".join(self._last.get(name, ()))

    def close(self) -> None:
        """Closes the file; the terminal stays open."""
        with suppress(OSError):
            self._file.close()

    def _colour(self, name: str, prefix: str) -> str:
        if not self._coloured:
            return prefix
        colour = self._colours.setdefault(name, _COLOURS[len(self._colours) % len(_COLOURS)])
        return f"\x1b[{colour}m{prefix}\x1b[0m"


def rotate(path: Path) -> None:
    """Moves a log that has grown large aside, in place of the one moved before."""
    with suppress(FileNotFoundError):
        if path.stat().st_size > ROTATE_BYTES:
            path.replace(path.with_name(f"{path.name}.1"))
