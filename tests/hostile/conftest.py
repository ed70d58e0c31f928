"""After every module of hostile inputs the service must be as well as before."""

from __future__ import annotations

from collections.abc import Iterator

import psutil
import psycopg2
import pytest
from _pytest.terminal import TerminalReporter

from imageapi.up import embedded
from tests.hostile.report import REPORT
from tests.stack import Stack


@pytest.fixture(autouse=True, scope="module")
def unharmed(stack: Stack) -> Iterator[None]:
    """The same processes live, the web server told no 5xx, and every accepted image is in a final state."""
    before, said = service(stack), len(stack.output.splitlines())
    yield
    assert settled(stack), "an accepted image has not reached a final state"
    assert service(stack) == before, "a process died"
    news = stack.output.splitlines()[said:]
    assert not any("Traceback" in line or "WorkerLost" in line for line in news), "\n".join(news)


def service(stack: Stack) -> set[int]:
    """The pids of web server, worker and beat. A pool child may be replaced by a fresh one when it is old."""
    assert stack.process is not None
    return {process.pid for process in psutil.Process(stack.process.pid).children()}


def settled(stack: Stack, seconds: float = 60) -> bool:
    """Whether nothing is unfinished any more, asked with one connection until time is up."""
    connection = psycopg2.connect(embedded.database_url(stack.home))
    connection.autocommit = True
    try:
        with connection.cursor() as cursor:
            for _ in range(int(seconds * 5)):
                cursor.execute(
                    "SELECT count(*), pg_sleep(0.2) FROM processing_image"
                    " WHERE status IN ('pending', 'processing')"
                )
                if cursor.fetchone()[0] == 0:
                    return True
            return False
    finally:
        connection.close()


def pytest_terminal_summary(terminalreporter: TerminalReporter) -> None:
    if REPORT.rows:
        terminalreporter.section("hostile inputs: sent, status, answer")
        for line in REPORT.lines():
            terminalreporter.write_line(line)
