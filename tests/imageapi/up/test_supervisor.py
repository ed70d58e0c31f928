"""The supervisor, with tiny programs as its services."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from imageapi.up import subprocesses
from imageapi.up.joined_log import JoinedLog, Lines, rotate
from imageapi.up.subprocesses import Command, StillOwned
from imageapi.up.supervisor import AlreadyRunning, StepFailed, StopRequested, Supervisor
from tests.stack import ROOT

FOREVER = "import time\nwhile True: time.sleep(60)"


def python(name: str, source: str, *, grace: float = 5.0) -> Command:
    return Command(name=name, argv=(sys.executable, "-u", "-c", textwrap.dedent(source)), grace=grace)


@pytest.fixture
def terminal() -> io.StringIO:
    return io.StringIO()


@contextmanager
def supervised(home: Path, terminal: io.StringIO | None = None) -> Iterator[Supervisor]:
    with Supervisor(home, terminal=terminal or io.StringIO()) as supervisor:
        yield supervisor


def says(terminal: io.StringIO, text: str) -> bool:
    return text in terminal.getvalue()


def third_start_stops(folder: Path) -> str:
    """A program that counts its starts and has its supervisor stopped at the third."""
    return f"""
import os, pathlib, signal, time
starts = pathlib.Path({str(folder / "starts")!r})
number = int(starts.read_text()) + 1 if starts.exists() else 1
starts.write_text(str(number))
print("start", number)
if number == 3:
    os.kill(os.getppid(), signal.SIGTERM)
    time.sleep(60)
"""


def test_every_line_stands_after_its_name(tmp_path: Path, terminal: io.StringIO) -> None:
    with supervised(tmp_path, terminal) as supervisor:
        supervisor.start(python("web", f"print('one\\ntwo'); print('no end', end='', flush=True)\n{FOREVER}"))
        supervisor.wait_until(lambda: says(terminal, "two"), what="both lines", seconds=20)
        supervisor.start(python("worker", f"import sys; sys.stderr.write('three\\n')\n{FOREVER}"))
        supervisor.wait_until(lambda: says(terminal, "three"), what="the third line", seconds=20)
    lines = terminal.getvalue().splitlines()
    assert lines == ["web      | one", "web      | two", "worker   | three", "web      | no end"]
    kept = (tmp_path / "logs" / "up.log").read_text().splitlines()
    assert [line.split(" ", 1)[1] for line in kept] == lines


def test_a_service_that_dies_starts_again(tmp_path: Path, terminal: io.StringIO) -> None:
    with supervised(tmp_path, terminal) as supervisor:
        supervisor.start(python("web", third_start_stops(tmp_path) + "os._exit(3)"))
        supervisor.watch()
    assert terminal.getvalue().splitlines() == [
        "web      | start 1",
        "up       | web ended with code 3, starts again in 0.2 s",
        "web      | start 2",
        "up       | web ended with code 3, starts again in 0.4 s",
        "web      | start 3",
        "up       | SIGTERM: stopping",
    ]


def test_what_a_dead_service_leaves_is_ended_before_it_starts_again(
    tmp_path: Path, terminal: io.StringIO
) -> None:
    source = """
reading, writing = os.pipe()
if not os.fork():
    os.write(1, b"pool %d\\n" % os.getpid())
    os.write(writing, b"printed")
    time.sleep(60)
os.read(reading, 7)
os._exit(3)
"""
    with supervised(tmp_path, terminal) as supervisor:
        supervisor.start(python("worker", third_start_stops(tmp_path) + source))
        supervisor.watch()
        orphans = [int(line.split()[-1]) for line in terminal.getvalue().splitlines() if "pool" in line]
        assert len(orphans) == 2
        for pid in orphans:
            wait_gone(pid)


def test_a_service_that_ignores_sigterm_is_killed_with_its_children(
    tmp_path: Path, terminal: io.StringIO
) -> None:
    source = """
        import os, signal, time
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        if not os.fork(): os.setsid()
        os.write(1, b"deaf %d\\n" % os.getpid())
        while True: time.sleep(60)
    """
    with supervised(tmp_path, terminal) as supervisor:
        supervisor.start(python("web", source, grace=0.3))
        supervisor.wait_until(lambda: terminal.getvalue().count("deaf") == 2, what="two", seconds=20)
        pids = [int(line.split()[-1]) for line in terminal.getvalue().splitlines()]
        assert all(psutil.pid_exists(pid) for pid in pids)
    assert not any(psutil.pid_exists(pid) for pid in pids)
    assert says(terminal, "up       | web does not stop: killed")


def test_databases_stop_after_everything_else(tmp_path: Path, terminal: io.StringIO) -> None:
    source = """
        import signal, sys, time
        def leave(*_):
            time.sleep(0.2)
            print("bye")
            sys.exit()
        signal.signal(signal.SIGTERM, leave)
        print("up")
        while True: time.sleep(60)
    """
    with supervised(tmp_path, terminal) as supervisor:
        supervisor.start(python("database", source), stage=0)
        for name in ("web", "worker"):
            supervisor.start(python(name, source), stage=1)
        supervisor.wait_until(lambda: terminal.getvalue().count("up\n") == 3, what="three", seconds=20)
    last = [line.split()[0] for line in terminal.getvalue().splitlines() if "bye" in line]
    assert sorted(last[:2]) == ["web", "worker"]
    assert last[2:] == ["database"]


def test_a_step_hands_back_what_it_wrote_to_stdout_alone(tmp_path: Path, terminal: io.StringIO) -> None:
    with supervised(tmp_path, terminal) as supervisor:
        output = supervisor.run(python("setup", "import sys; print('{}'); sys.stderr.write('hello\\n')"))
    assert output == "{}\n"
    assert terminal.getvalue() == "setup    | hello\n"


def test_a_step_that_fails_is_named_with_its_code(tmp_path: Path) -> None:
    with pytest.raises(StepFailed, match="setup ended with code 4"), supervised(tmp_path) as supervisor:
        supervisor.run(python("setup", "raise SystemExit(4)"))


def test_a_service_that_dies_before_it_is_ready_fails_the_start(tmp_path: Path) -> None:
    with supervised(tmp_path) as supervisor:
        supervisor.start(python("web", "raise SystemExit('no such table')"))
        with pytest.raises(StepFailed, match=r"(?s)web ended before ready.*no such table"):
            supervisor.wait_until(lambda: False, what="ready", seconds=20)


def test_a_service_that_never_gets_ready_fails_the_start(tmp_path: Path) -> None:
    with supervised(tmp_path) as supervisor:
        supervisor.start(python("web", FOREVER))
        with pytest.raises(StepFailed, match="ready: not within 0 s"):
            supervisor.wait_until(lambda: False, what="ready", seconds=0.1)


@pytest.mark.parametrize("sent", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_a_signal_while_a_step_runs_stops_the_start(tmp_path: Path, terminal: io.StringIO, sent: str) -> None:
    source = f"""
        import os, signal, sys, time
        sys.stderr.write(str(os.getpid()) + "\\n")
        os.kill(os.getppid(), signal.{sent})
        time.sleep(60)
    """
    # Under nohup the tests inherit a SIGHUP that is ignored, and the supervisor leaves it so.
    inherited = signal.signal(signal.Signals[sent], signal.SIG_DFL)
    try:
        with pytest.raises(StopRequested), supervised(tmp_path, terminal) as supervisor:
            supervisor.run(python("setup", source))
    finally:
        signal.signal(signal.Signals[sent], inherited)
    first, second = terminal.getvalue().splitlines()
    assert not psutil.pid_exists(int(first.split()[-1]))
    assert second == f"up       | {sent}: stopping"


def test_the_second_supervisor_of_a_home_is_refused(tmp_path: Path) -> None:
    with supervised(tmp_path):  # noqa: SIM117
        with pytest.raises(AlreadyRunning, match=rf"in use by process {os.getpid()}: stop that"):
            Supervisor(tmp_path).__enter__()
    assert not (tmp_path / "up.lock").exists()
    with supervised(tmp_path):
        pass


def test_it_leaves_signal_handlers_as_they_were(tmp_path: Path) -> None:
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGCHLD)]
    with supervised(tmp_path):
        assert signal.getsignal(signal.SIGTERM) != before[1]
    assert before == [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGCHLD)]


KILLED_PARENT = """
    import os, signal, sys
    from pathlib import Path
    from imageapi.up.subprocesses import Command
    from imageapi.up.supervisor import Supervisor
    home = Path(sys.argv[1])
    polite = "print('deaf'); import time; time.sleep(600)"
    deaf = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); " + polite
    with Supervisor(home) as supervisor:
        for name, source in (("polite", polite), ("deaf", deaf)):
            supervisor.start(Command(name=name, argv=(sys.executable, "-u", "-c", source)))
        ready = lambda: all("deaf" in supervisor.log.last(name) for name in ("polite", "deaf"))
        supervisor.wait_until(ready, what="two", seconds=20)
        os.kill(os.getpid(), signal.SIGKILL)
"""


def kill_a_parent(home: Path) -> tuple[psutil.Process, psutil.Process]:
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    source = textwrap.dedent(KILLED_PARENT)
    subprocess.run(
        (sys.executable, "-c", source, str(home)), env=environ, check=False, stdout=subprocess.DEVNULL
    )
    # The polite one may be gone already: its record stays, so it is looked up by what is written there.
    polite, deaf = (json.loads((home / "run" / f"{name}.json").read_text()) for name in ("polite", "deaf"))
    wait_gone(polite["pid"])
    return polite["pid"], psutil.Process(deaf["pid"])


def wait_gone(pid: int) -> None:
    try:
        psutil.Process(pid).wait(20)
    except psutil.NoSuchProcess:
        return


@pytest.mark.skipif(sys.platform != "linux", reason="the death signal is Linux's")
def test_a_killed_parent_takes_its_children_with_it(tmp_path: Path) -> None:
    _, deaf = kill_a_parent(tmp_path)
    deaf.kill()
    deaf.wait(20)


def test_the_next_start_ends_what_a_killed_parent_left(tmp_path: Path) -> None:
    _, deaf = kill_a_parent(tmp_path)
    assert deaf.is_running()
    subprocesses.end_leftover(tmp_path / "run" / "deaf.json", patience=0.1)
    assert not deaf.is_running()
    assert not (tmp_path / "run" / "deaf.json").exists()


def test_a_pid_that_was_given_to_another_process_is_not_touched(tmp_path: Path) -> None:
    with subprocess.Popen((sys.executable, "-c", FOREVER)) as stranger:
        record = tmp_path / "web.json"
        subprocesses.record(record, stranger, python("web", FOREVER))
        facts = json.loads(record.read_text())
        record.write_text(json.dumps({**facts, "created": facts["created"] - 100, "owner_created": 0}))
        subprocesses.end_leftover(record, patience=0.1)
        assert stranger.poll() is None
        assert not record.exists()
        stranger.kill()


def test_a_child_whose_owner_lives_is_refused(tmp_path: Path) -> None:
    with subprocess.Popen((sys.executable, "-c", FOREVER)) as child:
        record = tmp_path / "web.json"
        subprocesses.record(record, child, python("web", FOREVER))
        with pytest.raises(StillOwned, match=f"is run by process {os.getpid()}: stop that first"):
            subprocesses.end_leftover(record)
        child.kill()


@pytest.mark.parametrize("text", ["", "{", "null"])
def test_a_record_that_was_cut_short_is_dropped(tmp_path: Path, text: str) -> None:
    record = tmp_path / "web.json"
    record.write_text(text)
    subprocesses.end_leftover(record)
    assert not record.exists()


@pytest.mark.parametrize(
    ("pieces", "lines"),
    [
        ([b"a\nb\n"], ["a", "b"]),
        ([b"a", b"b\n", b"c", b""], ["ab", "c"]),
        ([b"a\r\n\n"], ["a", ""]),
        ([b"\xff\n"], ["\ufffd"]),
        ([b"\xc3", b"\xa4\n"], ["ä"]),
        ([b"x" * 70_000, b"y\n"], ["x" * 70_000, "y"]),
        ([b""], []),
    ],
)
def test_lines_are_put_together_from_pieces(pieces: list[bytes], lines: list[str]) -> None:
    reader = Lines()
    assert [line for piece in pieces for line in reader.feed(piece)] == lines


class RealTerminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_only_a_terminal_gets_colours(tmp_path: Path) -> None:
    terminal = RealTerminal()
    log = JoinedLog(tmp_path / "up.log", terminal)
    log.write("web", "hello")
    log.close()
    assert terminal.getvalue() == "\x1b[36mweb      | \x1b[0mhello\n"
    assert "\x1b" not in (tmp_path / "up.log").read_text()


def test_a_line_of_our_own_stays_out_of_the_file(tmp_path: Path, terminal: io.StringIO) -> None:
    log = JoinedLog(tmp_path / "up.log", terminal)
    log.say("Token: secret")
    log.close()
    assert terminal.getvalue() == "Token: secret\n"
    assert (tmp_path / "up.log").read_text() == ""


def test_a_terminal_that_went_away_does_not_stop_the_log(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with open(writing, "w") as terminal:  # noqa: PTH123
        log = JoinedLog(tmp_path / "up.log", terminal)
        for line in ("one", "two"):
            log.write("web", line)
        log.close()
    assert (tmp_path / "up.log").read_text().count("web") == 2


def test_a_large_log_is_moved_aside(tmp_path: Path) -> None:
    log = tmp_path / "up.log"
    log.write_bytes(b"x" * 100)
    rotate(log)
    assert log.exists()
    log.write_bytes(b"x" * 10_000_001)
    rotate(log)
    assert not log.exists()
    assert (tmp_path / "up.log.1").stat().st_size == 10_000_001
