"""PostgreSQL's data after a first start, made once for all test processes: a third of the work of a start."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from pathlib import Path

from imageapi.up import embedded
from imageapi.up.state_folder import make_folders
from tests.environment import SHARED

_ROOT = Path(__file__).resolve().parent.parent
_HOME = SHARED / "home"


def give_data(home: Path) -> None:
    """Puts it into a home that has none, which need not be there yet."""
    data = home / embedded.Postgres.name
    if not data.exists():
        made = _made()
        make_folders(home)
        subprocess.run(("cp", "--archive", "--reflink=auto", made, data), check=True)


def _made() -> Path:
    """The data of the home that all share; whoever asks first makes it."""
    server = embedded.Postgres(_HOME)
    with (SHARED / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = SHARED / "done"
        if not done.exists():
            server.start()
            try:
                environ = {
                    **os.environ,
                    "IMAGEAPI_HOME": str(_HOME),
                    "DATABASE_URL": embedded.database_url(_HOME),
                    "REDIS_URL": embedded.redis_url(_HOME),
                }
                command = (sys.executable, "manage.py", "migrate", "--skip-checks", "--verbosity=0")
                subprocess.run(command, cwd=_ROOT, env=environ, check=True)
            finally:
                server.stop()
            done.touch()
    return server.data
