"""The wheels' PostgreSQL and Redis, for real."""

from __future__ import annotations

import base64
import os
import shutil
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import psutil
import psycopg2
import pytest
import redis

from imageapi.up import embedded, privileges, programs, subprocesses
from imageapi.up.embedded import Postgres, Redis, Server
from imageapi.up.privileges import NoAccount
from imageapi.up.programs import ServerFailed, postgres_programs
from imageapi.up.state_folder import UnsafeFolder, socket_dir
from imageapi.up.subprocesses import Account, Command, StillOwned
from tests.stack import ROOT

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can change its user")
on_linux = pytest.mark.skipif(sys.platform != "linux", reason="the death signal is Linux's")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home whose data is made already; tests that need data of their own work on a copy."""
    home = tmp_path_factory.mktemp("made") / "home"
    server = Postgres(home)
    server.start()
    server.stop()
    return home


@pytest.fixture
def home(made: Path, tmp_path: Path) -> Iterator[Path]:
    home = tmp_path / "home"
    subprocess.run(("cp", "-a", made, home), check=True)
    yield home
    end_everything_of(home)


@pytest.fixture
def short_folder() -> Iterator[Path]:
    """Outside of pytest's private folders, for a user who may not enter those."""
    folder = Path("/tmp") / f"imageapi-test-{os.getpid()}"
    folder.mkdir(mode=0o755)
    yield folder
    end_everything_of(folder)
    shutil.rmtree(folder)


def end_everything_of(home: Path) -> None:
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if any(str(home) in part for part in process.cmdline()) and process.pid != os.getpid():
                process.kill()
                process.wait(20)


def ask(home: Path, statement: str) -> str:
    with closing(psycopg2.connect(embedded.database_url(home))) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(statement)
            return str(cursor.fetchone()[0]) if cursor.description else ""


def queue(home: Path) -> redis.Redis:
    return redis.Redis.from_url(embedded.redis_url(home))


def pid_of(server: Server) -> int:
    assert server._process is not None
    return server._process.pid


def test_the_first_start_makes_a_database_that_survives_a_stop(tmp_path: Path) -> None:
    home = tmp_path / "home"
    for expected in ("0", "1"):
        server = Postgres(home)
        server.start()
        ask(home, "CREATE TABLE IF NOT EXISTS kept (n int)")
        assert ask(home, "SELECT count(*) FROM kept") == expected
        ask(home, "INSERT INTO kept VALUES (1)")
        process = psutil.Process(pid_of(server))
        server.stop()
        assert not process.is_running()
    assert not (home / "postgres" / "postmaster.pid").exists()
    assert list((home / "run").glob("*.json")) == []


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("fsync", "on"),
        ("synchronous_commit", "on"),
        ("listen_addresses", ""),
        ("max_connections", "200"),
        ("jit", "off"),
        ("server_encoding", "UTF8"),
    ],
)
def test_postgres_has_the_settings_of_the_service(running: Path, setting: str, value: str) -> None:
    assert ask(running, f"SHOW {setting}") == value


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    home = tmp_path_factory.mktemp("running") / "home"
    servers = (Postgres(home), Redis(home))
    for server in servers:
        server.start()
    yield home
    for server in servers:
        server.stop()


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("appendonly", "yes"),
        ("appendfsync", "everysec"),
        ("maxmemory-policy", "noeviction"),
        ("port", "0"),
        ("unixsocketperm", "700"),
    ],
)
def test_redis_has_the_settings_of_the_service(running: Path, setting: str, value: str) -> None:
    with queue(running) as client:
        assert client.config_get(setting) == {setting: value}


def test_neither_listens_on_a_network(running: Path) -> None:
    for name in ("postgres", "redis"):
        server = psutil.Process(int(_recorded(running / "run" / f"{name}.json")))
        assert server.net_connections("inet") == []
        for child in server.children():
            with suppress(psutil.NoSuchProcess):  # PostgreSQL's vacuum workers come and go
                assert child.net_connections("inet") == []


def _recorded(record: Path) -> str:
    return record.read_text().split('"pid": ')[1].split(",")[0]


def test_only_its_user_can_read_the_data(running: Path) -> None:
    folders = [running / "postgres", running / "redis", socket_dir(running) / "pg"]
    assert {folder.stat().st_mode & 0o777 for folder in folders} == {0o700}


def test_redis_keeps_its_messages_over_a_stop(tmp_path: Path) -> None:
    server = Redis(tmp_path)
    server.start()
    with queue(tmp_path) as client:
        client.rpush("bulk", "message")
    server.stop()
    server.start()
    with queue(tmp_path) as client:
        assert client.lrange("bulk", 0, -1) == [b"message"]
    server.stop()


def test_starting_twice_is_starting_once(home: Path) -> None:
    server = Postgres(home)
    server.start()
    pid = pid_of(server)
    server.start()
    assert pid_of(server) == pid
    server.stop()
    server.stop()


def test_a_server_whose_owner_lives_is_not_taken_over(tmp_path: Path) -> None:
    server = Redis(tmp_path)
    server.start()
    with pytest.raises(StillOwned, match=r"^redis of .* is run by process \d+: stop that first$"):
        Redis(tmp_path).start()
    with queue(tmp_path) as client:
        assert client.ping()
    server.stop()


def test_two_homes_run_side_by_side(home: Path, made: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    subprocess.run(("cp", "-a", made, other), check=True)
    servers = [kind(folder) for folder in (home, other) for kind in (Postgres, Redis)]
    for server in servers:
        server.start()
    ask(home, "CREATE TABLE only_here (n int)")
    assert ask(other, "SELECT to_regclass('only_here') IS NULL") == "True"
    with queue(home) as here, queue(other) as there:
        here.set("only", "here")
        assert there.get("only") is None
    for server in servers:
        server.stop()


KILLED_OWNER = """
    import os, signal, sys
    from pathlib import Path
    from imageapi.up.embedded import Postgres, Redis
    home = Path(sys.argv[1])
    for kind in (Postgres, Redis):
        kind(home).start()
    os.kill(os.getpid(), signal.SIGKILL)
"""


def kill_an_owner(home: Path) -> list[int]:
    command = (sys.executable, "-c", textwrap.dedent(KILLED_OWNER), str(home))
    ended = subprocess.run(command, env={**os.environ, "PYTHONPATH": str(ROOT)}, check=False)
    assert ended.returncode == -signal.SIGKILL
    return [int(_recorded(home / "run" / f"{name}.json")) for name in ("postgres", "redis")]


@on_linux
def test_servers_end_soon_after_their_owner_was_killed(home: Path) -> None:
    for pid in kill_an_owner(home):
        with suppress(psutil.NoSuchProcess):
            psutil.Process(pid).wait(15)


def test_the_same_home_starts_at_once_after_its_owner_was_killed(home: Path) -> None:
    before = kill_an_owner(home)
    servers = (Postgres(home), Redis(home))
    for server in servers:
        server.start()
    assert ask(home, "SELECT 1") == "1"
    with queue(home) as client:
        assert client.ping()
    assert not any(psutil.pid_exists(pid) for pid in before)
    for server in servers:
        server.stop()


def test_postgres_starts_again_after_it_was_killed_itself(home: Path) -> None:
    server = Postgres(home)
    server.start()
    ask(home, "CREATE TABLE kept AS SELECT 7 AS n")
    os.kill(pid_of(server), signal.SIGKILL)
    assert server._process is not None
    server._process.wait()
    server.start()
    assert ask(home, "SELECT n FROM kept") == "7"
    server.stop()


def test_a_lock_file_with_the_pid_of_a_stranger_does_not_stop_the_start(home: Path) -> None:
    account = privileges.account_for(home / "postgres", postgres_programs())
    lock = home / "postgres" / "postmaster.pid"
    lock.write_text(f"{os.getpid()}\n{home / 'postgres'}\n1\n5432\n{home}\n\n  1  1\nready\n")
    if account is not None:
        os.chown(lock, account.uid, account.gid)
    server = Postgres(home)
    server.start()
    server.stop()


def test_a_first_start_that_was_cut_short_is_made_again(tmp_path: Path) -> None:
    (tmp_path / "postgres.new").mkdir()
    (tmp_path / "postgres.new" / "PG_VERSION").write_text("18\n")
    server = Postgres(tmp_path)
    server.start()
    assert ask(tmp_path, "SELECT 1") == "1"
    server.stop()
    assert not (tmp_path / "postgres.new").exists()


@pytest.mark.parametrize("name", ["x" * 120, "with, comma", "per%20cent and 'quotes' \"too\"", "bücher"])
def test_a_home_no_socket_can_live_in_gets_a_private_folder_in_tmp(tmp_path: Path, name: str) -> None:
    home = tmp_path / name
    sockets = socket_dir(home)
    assert sockets.parent == Path("/tmp")
    servers = (Postgres(home), Redis(home))
    for server in servers:
        server.start()
    assert ask(home, "SELECT current_database()") == "imageapi"
    with queue(home) as client:
        assert client.ping()
    assert sockets.stat().st_mode & 0o077 in {0, 0o011}
    for server in servers:
        server.stop()
    assert not sockets.exists()


def test_a_socket_folder_of_somebody_else_is_refused(tmp_path: Path) -> None:
    home = tmp_path / ("x" * 120)
    sockets = socket_dir(home)
    sockets.symlink_to(tmp_path)
    try:
        with pytest.raises(UnsafeFolder, match="must be a folder that belongs to you"):
            Redis(home).start()
    finally:
        sockets.unlink()


def test_the_addresses_are_known_before_anything_runs(tmp_path: Path) -> None:
    home = tmp_path / "a"
    assert embedded.redis_url(home) == f"unix://{home}/run/redis.sock?db=0"
    parts = urlsplit(embedded.database_url(home))
    assert (parts.scheme, parts.username, parts.path) == ("postgresql", "imageapi", "/imageapi")
    assert parse_qs(parts.query) == {"host": [f"{home}/run/pg"]}
    assert embedded.redis_url(tmp_path / "b" / ".." / "a") == embedded.redis_url(home)
    assert not home.exists()


def test_a_server_that_cannot_start_shows_the_end_of_its_log(home: Path) -> None:
    with (home / "postgres" / "postgresql.conf").open("a") as configuration:
        configuration.write("nonsense = 1\n")
    with pytest.raises(ServerFailed, match=r"(?s)^postgres ended with code 1 .*unrecognized .*nonsense"):
        Postgres(home).start()
    assert list((home / "run").glob("*.json")) == []


# appendonly.aof as Redis 6.2.14 wrote it: a list `bulk` with m1 and, after the snapshot, m2.
WRITTEN_BY_REDIS_6 = base64.b64decode(
    "UkVESVMwMDA5+glyZWRpcy12ZXIGNi4yLjE0+gpyZWRpcy1iaXRzwED6BWN0aW1lwqeHB2v6CHVzZWQtbWVtwhhRDgD6DGFvZi1wcmVh"
    "bWJsZcAB/gD7AgAOBGJ1bGsBDw8AAAAKAAAAAQAAAm0x/w0BaBAQAAAADQAAAAIAAAFhA/L//2fedNfy0aNyKjINCiQ2DQpTRUxFQ1QN"
    "CiQxDQowDQoqMw0KJDUNClJQVVNIDQokNA0KYnVsaw0KJDINCm0yDQo="
)


def test_the_queue_of_an_older_redis_is_taken_over(tmp_path: Path) -> None:
    (tmp_path / "redis").mkdir()
    (tmp_path / "redis" / "appendonly.aof").write_bytes(WRITTEN_BY_REDIS_6)
    for _ in range(2):
        server = Redis(tmp_path)
        server.start()
        with queue(tmp_path) as client:
            assert client.lrange("bulk", 0, -1) == [b"m1", b"m2"]
        server.stop()


@pytest.mark.parametrize(
    "content", [b"this is no command log\n" * 10, WRITTEN_BY_REDIS_6.replace(b"REDIS0009", b"REDIS0012")]
)
def test_a_queue_that_cannot_be_read_is_set_aside_and_starts_empty(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "redis").mkdir()
    (tmp_path / "redis" / "appendonly.aof").write_bytes(content)
    for expected in ([b"new"], [b"new", b"new"]):
        server = Redis(tmp_path)
        server.start()
        with queue(tmp_path) as client:
            client.rpush("bulk", "new")
            assert client.lrange("bulk", 0, -1) == expected
        server.stop()
    [aside] = (tmp_path / "redis").glob("unread-*")
    assert any(path.read_bytes() == content for path in aside.rglob("appendonly.aof"))
    assert f"cannot be read and lie in {aside}" in (tmp_path / "logs" / "redis.log").read_text()


@pytest.mark.parametrize(("said", "taken"), [("7.0.15", False), ("9.1.1", False), ("99.0.0", True)])
def test_the_systems_server_is_taken_only_where_it_is_at_least_as_new(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: str, taken: bool
) -> None:
    system = tmp_path / "redis-server"
    system.write_text(f"#!/bin/sh\necho 'Redis server v={said} sha=00000000:0 malloc=libc bits=64'\n")
    system.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    assert (programs.queue_program() == str(system)) is taken


def test_data_of_another_version_is_refused(home: Path) -> None:
    (home / "postgres" / "PG_VERSION").write_text("9\n")
    with pytest.raises(
        ServerFailed, match="was made by PostgreSQL 9, this is 18: move the data with pg_dump"
    ):
        Postgres(home).start()


@as_root
def test_root_changes_no_mode_outside_of_the_home(tmp_path: Path) -> None:
    parents = [*tmp_path.parents, *postgres_programs().parents, tmp_path]
    before = {folder: folder.stat().st_mode for folder in parents}
    server = Postgres(tmp_path / "home")
    server.start()
    server.stop()
    assert before == {folder: folder.stat().st_mode for folder in parents}


@as_root
@pytest.mark.parametrize(("mode", "held"), [(0o700, {2}), (0o711, set())])
def test_under_root_postgres_keeps_a_power_only_where_folders_are_closed(
    made: Path, short_folder: Path, mode: int, held: set[int]
) -> None:
    short_folder.chmod(mode)
    home = short_folder / "home"
    subprocess.run(("cp", "-a", made, home), check=True)
    server = Postgres(home)
    server.start()
    status = Path(f"/proc/{pid_of(server)}/status").read_text()
    fields = dict(line.split(":", 1) for line in status.splitlines())
    assert set(fields["Uid"].split()) == {str((home / "postgres").stat().st_uid)} != {"0"}
    assert {bit for bit in range(64) if int(fields["CapEff"], 16) >> bit & 1} == held
    server.stop()


SERVERS_IN = """
    import sys
    from pathlib import Path
    from imageapi.up.embedded import Postgres
    from imageapi.up.programs import postgres_programs
    assert str(postgres_programs()).startswith(sys.argv[2]), postgres_programs()
    server = Postgres(Path(sys.argv[1]))
    server.start()
    assert server.answers()
    server.stop()
"""


@as_root
@pytest.mark.parametrize(("folder_mode", "taken"), [(0o700, ""), (0o755, ""), (0o755, "go-rwx")])
def test_root_may_have_installed_the_programs_for_itself_alone(
    short_folder: Path, folder_mode: int, taken: str
) -> None:
    package = postgres_programs().parents[1]
    for part in (package, package.with_suffix(".libs")):
        shutil.copytree(part, short_folder / part.name, symlinks=True)
    subprocess.run(("chmod", "-R", taken or "go-w", *short_folder.iterdir()), check=True)
    short_folder.chmod(folder_mode)
    environ = {**os.environ, "PYTHONPATH": f"{short_folder}:{ROOT}"}
    command = (sys.executable, "-c", textwrap.dedent(SERVERS_IN), short_folder / "home", short_folder)
    ended = subprocess.run(command, env=environ, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr


@as_root
def test_root_without_the_power_gets_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(privileges, "_held", lambda: 0)
    tmp_path.chmod(0o700)
    with pytest.raises(NoAccount, match=r"the user pgserver may not enter .*: *Move|Move the checkout"):
        privileges.account_for(tmp_path / "postgres", postgres_programs())


ORDINARY_USER = """
    import ctypes, os, sys
    from pathlib import Path
    sys.path.insert(0, sys.argv[2])
    from imageapi.up.embedded import Postgres, Redis
    home = Path(sys.argv[1])
    # Python may live in a folder of root: all is imported with the parent's power, which is then given up.
    assert not any(server.answers() for server in (Postgres(home), Redis(home)))
    libc = ctypes.CDLL(None)
    assert libc.prctl(47, 4, 0, 0, 0) == 0
    assert libc.capset((ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)()) == 0
    for _ in range(2):
        for server in (Postgres(home), Redis(home)):
            server.start()
            assert server.answers()
            server.stop()
    print(os.geteuid(), (home / "postgres").stat().st_uid)
"""


@as_root
def test_an_ordinary_user_runs_both(short_folder: Path) -> None:
    home = short_folder / "home"
    home.mkdir(mode=0o700)
    nobody = 65534
    os.chown(home, nobody, nobody)
    account = Account(uid=nobody, gid=nobody, capability=privileges.CAP_DAC_READ_SEARCH)
    script = textwrap.dedent(ORDINARY_USER)
    code, output = subprocesses.run(
        Command(
            name="nobody",
            argv=(sys.executable, "-c", script, str(home), str(ROOT)),
            cwd=home,
            account=account,
        )
    )
    assert (code, output.split()) == (0, [str(nobody), str(nobody)]), output
