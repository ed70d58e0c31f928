"""The real service, started and stopped by its own command as a user does it."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil

from imageapi.up.subprocesses import Account, Command, spawn
from tests.migrated import give_data

ROOT = Path(__file__).resolve().parent.parent
START_SECONDS = 150.0
STOP_SECONDS = 20.0
# What would lead the service away from its own home.
_FOREIGN = (
    "DATABASE_URL",
    "REDIS_URL",
    "CHANNELS_REDIS_URL",
    "HOST",
    "SECRET_KEY",
    "IMAGEAPI_ADMIN_PASSWORD",
    "IMAGEAPI_ANONYMOUS_PLAN",
)


class StackFailed(AssertionError):
    """The service did not start or stop; the text holds all it wrote."""


class Stack:
    """`manage.py up` in a session of its own, on a free port, with all its state below `home`.

    Start it from a thread that lives as long as it is needed: when that ends, even by force, it stops. A new
    home is given its database's tables, unless it is to start `from_nothing`.
    """

    def __init__(
        self,
        home: Path,
        env: Mapping[str, str] | None = None,
        account: Account | None = None,
        checkout: Path = ROOT,
        *,
        from_nothing: bool = False,
    ) -> None:
        self.home = home
        self.checkout = checkout
        self.env = dict(env or {})
        self.account = account
        self.from_nothing = from_nothing or account is not None or checkout != ROOT
        self.port = 0
        self.process: subprocess.Popen[bytes] | None = None
        self._lines: list[str] = []
        self._news = threading.Condition()
        self._reader: threading.Thread | None = None
        self._seen: dict[int, psutil.Process] = {}

    @property
    def url(self) -> str:
        """Without the slash at its end."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def token(self) -> str:
        """The administrator's bearer token."""
        return self._found(r"^Token: (\S+)$")

    @property
    def username(self) -> str:
        """The administrator's name."""
        return self._found(r"^Administrator: ([^,]+),")

    @property
    def password(self) -> str:
        """The administrator's password, as printed or from the file that is named."""
        printed = self._match(r"^Administrator: .*, password (\S+) \(kept in ")
        return printed or Path(self._found(r"^Administrator: .*, password in (.+)$")).read_text().strip()

    @property
    def output(self) -> str:
        """Everything the command wrote so far."""
        with self._news:
            return "\n".join(self._lines)

    def start(self) -> Self:
        """Returns when the service says that it is ready; raises StackFailed with its output."""
        self.launch()
        self.wait_for(r"^Token: ", START_SECONDS)
        self.processes()
        return self

    def launch(self) -> None:
        """Starts the command without waiting for anything."""
        self.port = int(self.env.get("PORT", 0)) or free_port()
        inherited = {name: value for name, value in os.environ.items() if name not in _FOREIGN}
        own = {"IMAGEAPI_HOME": str(self.home), "PORT": str(self.port), "PYTHONUNBUFFERED": "1"}
        self._finish_reading()
        self._lines = []
        if not self.from_nothing and "DATABASE_URL" not in self.env:
            give_data(self.home)
        command = Command(
            name="up",
            argv=(self._python(), "manage.py", "up"),
            cwd=self.checkout,
            env={**inherited, **own, **self.env},
            account=self.account,
        )
        self.process = spawn(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self._reader = threading.Thread(target=self._read, args=(self.process,), daemon=True)
        self._reader.start()

    def _python(self) -> str:
        """That of another checkout, where it has one of its own."""
        own = self.checkout / ".venv" / "bin" / "python"
        return str(own) if self.checkout != ROOT and own.exists() else sys.executable

    def wait_for(self, pattern: str, seconds: float) -> str:
        """The first line of the output that matches; raises StackFailed when there is none in time."""
        line = re.compile(pattern)
        with self._news:
            self._news.wait_for(lambda: self._ended() or any(map(line.search, self._lines)), timeout=seconds)
            found = next(filter(line.search, self._lines), None)
        if found is None:
            self.close()
            code = self.process and self.process.returncode
            raise StackFailed(f"no line {pattern!r} within {seconds:.0f} s (code {code}):\n{self.output}")
        return found

    def stop(self, sent: signal.Signals = signal.SIGTERM) -> int:
        """Stops the service as a user does; its exit code. Raises StackFailed when a process is left."""
        assert self.process is not None
        self.processes()
        self.process.send_signal(sent)
        try:
            code = self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.close()
            raise StackFailed(f"did not stop within {STOP_SECONDS:.0f} s:\n{self.output}") from None
        left = [process for process in self._seen.values() if is_alive(process)]
        self.close()
        if left:
            raise StackFailed(f"left running: {left}\n{self.output}")
        return code

    def kill(self) -> None:
        """Kills the parent alone with -9, and waits until it is gone."""
        assert self.process is not None
        self.processes()
        self.process.kill()
        self.process.wait()

    def processes(self) -> list[psutil.Process]:
        """All living descendants of the command."""
        if self.process is None or self.process.poll() is not None:
            return []
        with suppress(psutil.NoSuchProcess):
            found = psutil.Process(self.process.pid).children(recursive=True)
            self._seen.update({process.pid: process for process in found})
            return found
        return []

    def wait_gone(self, seconds: float = STOP_SECONDS) -> list[psutil.Process]:
        """Waits for the end of every process seen so far; those still there."""
        _, alive = psutil.wait_procs(list(self._seen.values()), timeout=seconds)
        return alive

    def close(self) -> None:
        """Leaves nothing behind, whatever state the service is in."""
        self.processes()
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(STOP_SECONDS)
            self.process.kill()
            self.process.wait()
        for process in self._seen.values():
            with suppress(psutil.NoSuchProcess):
                process.kill()
        self.wait_gone()
        self._seen.clear()
        self._finish_reading()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _read(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdout is not None
        for line in process.stdout:
            with self._news:
                self._lines.append(line.decode(errors="replace").rstrip("\n"))
                self._news.notify_all()
        # The output may end a moment before the process does, and that end is news too.
        process.wait()
        with self._news:
            self._news.notify_all()

    def _finish_reading(self) -> None:
        if self._reader is not None:
            self._reader.join(STOP_SECONDS)
        if self.process is not None and self.process.stdout is not None:
            self.process.stdout.close()

    def _ended(self) -> bool:
        return self.process is None or self.process.poll() is not None

    def _match(self, pattern: str) -> str | None:
        found = re.search(pattern, self.output, re.MULTILINE)
        return found[1] if found else None

    def _found(self, pattern: str) -> str:
        found = self._match(pattern)
        if found is None:
            raise StackFailed(f"no line {pattern!r}:\n{self.output}")
        return found


def is_alive(process: psutil.Process) -> bool:
    """Whether it runs; one that only waits to be collected by its parent does not."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def free_port() -> int:
    """A port nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
