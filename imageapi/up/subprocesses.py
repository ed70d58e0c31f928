"""Child processes that cannot outlive the process that started them.

Linux ends them itself: each child asks for a signal when its parent dies (prctl(2), PR_SET_PDEATHSIG).
For systems without that, and for what ignores the signal, each child is also recorded in a file (pid, time of
creation, owner), by which the next start finds and ends it. A pid that the system has given to another
process since is never touched.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO, Any

import psutil

PR_SET_PDEATHSIG, PR_SET_SECUREBITS, PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE = 1, 28, 47, 2
SECBIT_NO_SETUID_FIXUP = 4
_CAPABILITY_VERSION_3 = 0x20080522
_SAME_MOMENT_SECONDS = 1.0  # clock corrections move the reported time of creation a little

_libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


class StillOwned(Exception):
    """A recorded child runs, and so does the process that started it."""


@dataclass(frozen=True, kw_only=True)
class Account:
    """Who a child of root runs as; `capability` is the one power it keeps (capabilities(7))."""

    uid: int
    gid: int
    capability: int | None = None


@dataclass(frozen=True, kw_only=True)
class Command:
    """A program to run: `stop_signal` asks it to end, after `grace` seconds it is killed.

    `orphan_signal` (Linux) comes when its parent was killed and nobody is left to count the seconds.
    """

    name: str
    argv: tuple[str, ...]
    env: Mapping[str, str] | None = None
    cwd: Path | None = None
    account: Account | None = None
    stop_signal: signal.Signals = signal.SIGTERM
    orphan_signal: signal.Signals | None = None  # None: the stop_signal
    grace: float = 5.0


def spawn(
    command: Command, *, stdout: int | IO[Any], stderr: int | IO[Any], stdin: int = subprocess.DEVNULL
) -> subprocess.Popen[bytes]:
    """Starts the command in a session of its own, so that a terminal's Ctrl-C does not reach it.

    Call it from a thread that lives as long as the process: Linux counts the thread as the parent.
    """
    return subprocess.Popen(
        command.argv,
        env=command.env,
        cwd=command.cwd,
        stdin=stdin,
        stdout=stdout,
        stderr=stderr,
        start_new_session=True,
        preexec_fn=partial(_enter, command, os.getpid()),  # noqa: PLW1509 (the children's owner has one thread)
    )


def run(command: Command, stdin: bytes = b"") -> tuple[int, str]:
    """Runs the command to its end; its exit code, and what it wrote to both outputs."""
    process = spawn(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    output, _ = process.communicate(stdin)
    return process.returncode, output.decode(errors="replace")


def die_with_parent(parent: int, sent: signal.Signals) -> None:
    """Has Linux send this process a signal when its parent dies; ends it if that has happened already."""
    if _libc is not None:
        _libc.prctl(PR_SET_PDEATHSIG, int(sent), 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)


def record(path: Path, process: subprocess.Popen[bytes], command: Command) -> None:
    """Writes down who runs, for `end_leftover` of a later start."""
    with suppress(psutil.NoSuchProcess):
        facts = {
            "pid": process.pid,
            "created": psutil.Process(process.pid).create_time(),
            "owner": os.getpid(),
            "owner_created": psutil.Process().create_time(),
            "stop_signal": int(command.stop_signal),
            "home": (command.env or os.environ).get("IMAGEAPI_HOME"),
        }
        draft = path.with_suffix(".new")
        draft.write_text(json.dumps(facts))
        draft.replace(path)


def end_leftover(path: Path, *, patience: float = 10.0) -> None:
    """Ends the recorded child of an owner that is gone, after `patience` seconds by force.

    Raises StillOwned when child and owner both live.
    """
    try:
        facts = json.loads(path.read_text())
    except FileNotFoundError:
        return
    except ValueError:
        facts = None
    if facts:
        _end_recorded(path.stem, facts, patience)
    path.unlink(missing_ok=True)


def end(processes: Iterable[psutil.Process], sent: int, patience: float) -> None:
    """Asks the first process to end, kills whatever of them lives after `patience` seconds."""
    family = list(processes)
    for process in family[:1]:
        with suppress(psutil.NoSuchProcess):
            process.send_signal(sent)
    _, alive = psutil.wait_procs(family, timeout=patience)
    kill(alive)


def kill(processes: Iterable[psutil.Process]) -> None:
    """Kills the processes with all their descendants, waits until they are gone."""
    family = [member for process in processes for member in (process, *descendants(process.pid))]
    for member in family:
        with suppress(psutil.NoSuchProcess):
            member.kill()
    psutil.wait_procs(family, timeout=5)


def descendants(pid: int) -> list[psutil.Process]:
    """Children, their children, and so on; empty for a process that is gone."""
    try:
        return psutil.Process(pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def _end_recorded(name: str, facts: Mapping[str, Any], patience: float) -> None:
    leader = _alive(facts["pid"], facts["created"])
    if leader and _alive(facts["owner"], facts["owner_created"]):
        raise StillOwned(f"{name} of {facts['home']} is run by process {facts['owner']}: stop that first")
    if leader:
        end([leader, *descendants(leader.pid)], facts["stop_signal"], patience)
    end(_orphans(facts["pid"], facts["home"]), signal.SIGKILL, patience)


def _alive(pid: int, created: float) -> psutil.Process | None:
    try:
        process = psutil.Process(pid)
        same = abs(process.create_time() - created) < _SAME_MOMENT_SECONDS
        return process if same and process.status() != psutil.STATUS_ZOMBIE else None
    except psutil.NoSuchProcess:
        return None


def _orphans(session: int, home: str | None) -> list[psutil.Process]:
    """What is left of a session whose leader is gone, as far as it belongs to the same home."""
    orphans = []
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            if os.getsid(process.pid) == session and process.environ().get("IMAGEAPI_HOME") == home:
                orphans.append(process)
    return orphans


def _enter(command: Command, parent: int) -> None:
    """Runs in the child, between fork and exec."""
    if command.account is not None:
        _become(command.account)
    # Last, because a change of user clears it.
    die_with_parent(parent, command.orphan_signal or command.stop_signal)


def _become(account: Account) -> None:
    if account.capability is not None:
        # Keeps the powers over the change of user, and has access(2) count the one that is left.
        _checked("prctl", PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP, 0, 0, 0)
    os.setgroups([])
    os.setresgid(account.gid, account.gid, account.gid)
    os.setresuid(account.uid, account.uid, account.uid)
    if account.capability is not None:
        _keep_only(account.capability)


def _keep_only(capability: int) -> None:
    bits = 1 << capability
    halves = [half for word in (bits & 0xFFFFFFFF, bits >> 32) for half in (word, word, word)]
    _checked("capset", (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0), (ctypes.c_uint32 * 6)(*halves))
    _checked("prctl", PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, capability, 0, 0)


def _checked(function: str, *arguments: Any) -> None:
    if getattr(_libc, function)(*arguments) != 0:
        error = ctypes.get_errno()
        raise OSError(error, f"{function}: {os.strerror(error)}")
