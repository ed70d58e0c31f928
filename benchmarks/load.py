"""`make load`: the users of locustfile.py for a minute on a service of their own; exit code 1 on failure."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence

from benchmarks.support.home import new_home
from tests.stack import ROOT, Stack

USERS, SECONDS = 10, 60
# For what is under way when the time is up, and for locust's own start.
REST, START = 30, 60


def locust(
    stack: Stack, users: int, seconds: int, *more: str, token: str = ""
) -> subprocess.CompletedProcess[str]:
    """Runs locust in a process of its own, since it patches sockets and threads; its standard output is kept.

    `more` are arguments of the command line. Raises subprocess.TimeoutExpired when it does not end.
    """
    command: Sequence[str] = (
        *(sys.executable, "-m", "locust", "--locustfile", str(ROOT / "locustfile.py"), "--host", stack.url),
        *("--headless", "--only-summary", "--users", str(users), "--spawn-rate", str(users)),
        *("--run-time", f"{seconds}s", "--stop-timeout", str(REST), *more),
    )
    return subprocess.run(
        command,
        cwd=ROOT,
        env={**os.environ, "IMAGEAPI_TOKEN": token or stack.token},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=seconds + REST + START,
        check=False,
    )


def main() -> int:
    with Stack(new_home(), {"LOG_LEVEL": "WARNING"}) as stack:
        print(f"{USERS} users for {SECONDS} s at {stack.url}", flush=True)
        try:
            done = locust(stack, USERS, SECONDS)
        except subprocess.TimeoutExpired as late:
            print(f"locust did not end within {late.timeout:.0f} s", file=sys.stderr)
            return 1
    print(done.stdout)
    return min(done.returncode, 1)


if __name__ == "__main__":
    sys.exit(main())
