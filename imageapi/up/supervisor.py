"""Runs named commands until it is told to stop.

One thread, one loop: it reads what the children write, starts those again that end unasked, and waits for
SIGINT, SIGTERM or SIGHUP. A home has one supervisor at most, by a lock that the kernel drops when its holder
dies.
"""

from __future__ import annotations

import fcntl
import os
import selectors
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType, TracebackType
from typing import IO, Any, Self, TextIO

import psutil

from imageapi.up import subprocesses
from imageapi.up.joined_log import JoinedLog, Lines
from imageapi.up.subprocesses import Command

FIRST_DELAY_SECONDS, LONGEST_DELAY_SECONDS = 0.2, 5.0
HEALTHY_SECONDS = 6.0
TURN_SECONDS = 0.5
DRAIN_SECONDS = 1.0
_STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class AlreadyRunning(Exception):
    """Another supervisor holds the lock of this home."""


class StepFailed(Exception):
    """A child ended, or did not get ready, before the service was complete."""


class StopRequested(Exception):
    """A signal asked to stop."""


@dataclass
class Service:
    """A command that is to run all the time."""

    command: Command
    stage: int
    process: subprocess.Popen[bytes] | None = None
    born: float = 0.0
    due: float = 0.0
    delay: float = FIRST_DELAY_SECONDS
    stop_by: float = field(default=float("inf"))


class Supervisor:
    """Use it as a context manager: leaving it stops everything it started.

    Services of a higher `stage` stop before those of a lower one, within a stage all at once.
    """

    def __init__(self, home: Path, *, terminal: TextIO | None = None) -> None:
        self.home = home
        self._terminal = terminal or sys.stdout
        self._services: list[Service] = []
        self._selector = selectors.DefaultSelector()
        self._streams: set[IO[bytes]] = set()
        self._stop_signal: signal.Signals | None = None
        self._stopping = False

    def __enter__(self) -> Self:
        for folder in (self.home / "run", self.home / "logs"):
            folder.mkdir(parents=True, exist_ok=True)
        self._lock = lock(self.home / "up.lock")
        # The last one started goes first: workers before the databases they write to.
        for path in sorted((self.home / "run").glob("*.json"), key=lambda p: p.stat().st_mtime, reverse=True):
            subprocesses.end_leftover(path)
        self.log = JoinedLog(self.home / "logs" / "up.log", self._terminal)
        self._signals = self._catch_signals()
        self._signals.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.stop()
        finally:
            self._signals.__exit__(None, None, None)
            self._selector.close()
            self.log.close()
            unlock(self._lock, self.home / "up.lock")

    def start(self, command: Command, *, stage: int = 1) -> None:
        """Starts a service."""
        service = Service(command, stage)
        self._services.append(service)
        self._spawn(service)

    def run(self, command: Command) -> str:
        """Runs a command to its end; what it wrote to its standard output. Raises StepFailed."""
        output: list[bytes] = []
        process = subprocesses.spawn(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        try:
            self._follow(process.stdout, output.append)
            self._follow(process.stderr, self._writer(command.name))
            while process.poll() is None:
                self._turn()
        finally:
            _kill_group(process)
            process.wait()
        self._drain(process.stdout, process.stderr)
        if process.returncode != 0:
            raise StepFailed(f"{command.name} ended with code {process.returncode}")
        return b"".join(output).decode()

    def wait_until(self, ready: Callable[[], bool], *, what: str, seconds: float) -> None:
        """Returns when `ready` says so; raises StepFailed when a service ends first, or time is up."""
        deadline = time.monotonic() + seconds
        while not ready():
            self._turn(0.05)
            ended = [service.command.name for service in self._services if service.process is None]
            if ended:
                raise StepFailed(f"{ended[0]} ended before {what}:\n{self.log.last(ended[0])}")
            if time.monotonic() > deadline:
                raise StepFailed(f"{what}: not within {seconds:.0f} s")

    def watch(self) -> None:
        """Keeps the services running until a signal asks to stop."""
        with suppress(StopRequested):
            while True:
                self._turn()

    def stop(self) -> None:
        """Ends all services, the last stage first: asks, waits for their grace, then kills."""
        self._stopping = True
        for stage in sorted({service.stage for service in self._services}, reverse=True):
            self._stop_stage([s for s in reversed(self._services) if s.stage == stage and s.process])
        self._services.clear()
        self._drain(*self._streams)

    def _stop_stage(self, services: list[Service]) -> None:
        for service in services:
            assert service.process is not None
            service.process.send_signal(service.command.stop_signal)
            service.stop_by = time.monotonic() + service.command.grace
        while running := [service for service in services if service.process]:
            for service in running:
                if time.monotonic() > service.stop_by:
                    self.log.write("up", f"{service.command.name} does not stop: killed")
                    service.stop_by = float("inf")
                    _kill(service)
            self._turn(0.1)

    def _turn(self, seconds: float = TURN_SECONDS) -> None:
        """One round of the loop; raises StopRequested once, when a signal has come."""
        for key, _ in self._selector.select(min([seconds, *self._until_due()])):
            key.data(key.fileobj)
        for service in self._services:
            self._care_for(service)
        if self._stop_signal and not self._stopping:
            self.log.write("up", f"{self._stop_signal.name}: stopping")
            self._stopping = True
            raise StopRequested

    def _until_due(self) -> list[float]:
        now = time.monotonic()
        waiting = [] if self._stopping else [s for s in self._services if s.process is None]
        return [max(0.0, service.due - now) for service in waiting]

    def _care_for(self, service: Service) -> None:
        if service.process is not None and service.process.poll() is not None:
            self._bury(service, service.process)
        if service.process is None and not self._stopping and time.monotonic() >= service.due:
            self._spawn(service)

    def _spawn(self, service: Service) -> None:
        command = service.command
        service.process = subprocesses.spawn(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        service.born = time.monotonic()
        subprocesses.record(self._record(command.name), service.process, command)
        self._follow(service.process.stdout, self._writer(command.name))

    def _bury(self, service: Service, process: subprocess.Popen[bytes]) -> None:
        """Clears up after a service that has ended, and plans its next start."""
        _kill_group(process)
        self._record(service.command.name).unlink(missing_ok=True)
        service.process = None
        if self._stopping:
            return
        now = time.monotonic()
        # What worked for a while was killed, and starts again at once; what dies at its start is given time.
        worked = now - service.born >= HEALTHY_SECONDS
        delay, service.delay = (0.0, FIRST_DELAY_SECONDS) if worked else (service.delay, service.delay * 2)
        service.delay = min(service.delay, LONGEST_DELAY_SECONDS)
        ended = f"{service.command.name} ended with code {process.returncode}"
        self.log.write("up", f"{ended}, starts again in {delay:.1f} s")
        service.due = now + delay

    def _record(self, name: str) -> Path:
        return self.home / "run" / f"{name}.json"

    def _writer(self, name: str) -> Callable[[bytes], None]:
        lines = Lines()

        def write(data: bytes) -> None:
            for line in lines.feed(data):
                self.log.write(name, line)

        return write

    def _follow(self, stream: IO[bytes] | None, take: Callable[[bytes], None]) -> None:
        """Hands everything that comes from a child's pipe to `take`; an empty piece is its end."""
        assert stream is not None
        os.set_blocking(stream.fileno(), False)

        def pump(_: Any) -> None:
            try:
                data = os.read(stream.fileno(), 65_536)
            except BlockingIOError:
                return
            take(data)
            if not data:
                self._forget(stream)

        self._selector.register(stream, selectors.EVENT_READ, pump)
        self._streams.add(stream)

    def _forget(self, stream: IO[bytes]) -> None:
        self._selector.unregister(stream)
        self._streams.discard(stream)
        stream.close()

    def _drain(self, *streams: IO[bytes] | None) -> None:
        """Reads what ended children have left in their pipes."""
        deadline = time.monotonic() + DRAIN_SECONDS
        while self._streams.intersection(streams) and time.monotonic() < deadline:
            self._turn(0.05)
        for stream in self._streams.intersection(streams):
            self._forget(stream)

    @contextmanager
    def _catch_signals(self) -> Iterator[None]:
        """Signals only set a mark and wake the loop up, so that none can cut a start in half."""
        awake, wake = socket.socketpair()
        awake.setblocking(False)
        wake.setblocking(False)
        self._selector.register(awake, selectors.EVENT_READ, lambda _: awake.recv(4096))
        # nohup(1) has SIGHUP ignored: so it stays.
        caught = [s for s in _STOP_SIGNALS if s != signal.SIGHUP or signal.getsignal(s) != signal.SIG_IGN]
        handlers = {number: signal.signal(number, self._mark) for number in caught}
        handlers[signal.SIGCHLD] = signal.signal(signal.SIGCHLD, lambda *_: None)
        before = signal.set_wakeup_fd(wake.fileno(), warn_on_full_buffer=False)
        try:
            yield
        finally:
            signal.set_wakeup_fd(before)
            for number, handler in handlers.items():
                signal.signal(number, handler)
            awake.close()
            wake.close()

    def _mark(self, number: int, _: FrameType | None) -> None:
        self._stop_signal = signal.Signals(number)


def lock(path: Path) -> int:
    """Takes the lock file for this process; the descriptor that holds it. Raises AlreadyRunning."""
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(descriptor, 20).decode() or "?"
            os.close(descriptor)
            instead = "stop that, or set IMAGEAPI_HOME to another folder"
            raise AlreadyRunning(f"{path.parent} is in use by process {holder}: {instead}") from None
        # The file may have been removed by its last holder after we opened it.
        if path.exists() and os.fstat(descriptor).st_ino == path.stat().st_ino:
            os.truncate(descriptor, 0)
            os.write(descriptor, str(os.getpid()).encode())
            return descriptor
        os.close(descriptor)


def unlock(descriptor: int, path: Path) -> None:
    """Removes the lock file while the lock is still held, then drops the lock."""
    path.unlink(missing_ok=True)
    os.close(descriptor)


def _kill(service: Service) -> None:
    if service.process is None:
        return
    with suppress(psutil.NoSuchProcess):
        subprocesses.kill([psutil.Process(service.process.pid)])


def _kill_group(process: subprocess.Popen[bytes]) -> None:
    """Kills what a command has left in its session's group, e.g. the pool of a worker that was killed."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
