"""`manage.py postgres PROGRAM ...`: psql, pg_dump and others, led to the service's database."""

from __future__ import annotations

import os
import subprocess
import sys
from argparse import REMAINDER
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connection

from imageapi.up import embedded
from imageapi.up.programs import ServerFailed, postgres_programs
from imageapi.up.subprocesses import StillOwned


class Command(BaseCommand):
    """Where the database is the embedded one and does not run, it runs as long as the program does."""

    help = "Runs a program with the service's database as its own, e.g. psql, or pg_dump -Fc > kept.dump"
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("program", nargs=REMAINDER, help="psql, pg_dump, ... and its options")

    def handle(self, *args: Any, program: list[str], **options: Any) -> None:
        """Ends with the program's own exit code."""
        if not program:
            raise CommandError("name a program: psql, pg_dump, pg_restore, ...")
        with _running():
            ended = subprocess.run(program, env=_environment(), check=False)
        sys.exit(ended.returncode)


@contextmanager
def _running() -> Iterator[None]:
    server = embedded.Postgres(settings.HOME)
    if embedded.database_url(settings.HOME) != settings.DATABASE_URL or server.answers():
        yield
        return
    try:
        server.start()
        yield
    except (ServerFailed, StillOwned) as error:
        raise CommandError(str(error)) from error
    finally:
        server.stop()


def _environment() -> dict[str, str]:
    """The embedded PostgreSQL's programs come first: those of another version may refuse its data."""
    where = connection.settings_dict
    address = {f"PG{name}": str(where[name]) for name in ("HOST", "PORT", "USER", "PASSWORD") if where[name]}
    if "sslmode" in where["OPTIONS"]:
        address["PGSSLMODE"] = where["OPTIONS"]["sslmode"]
    path = os.environ["PATH"]
    with suppress(ServerFailed):
        path = f"{postgres_programs()}{os.pathsep}{path}"
    return {**os.environ, **address, "PGDATABASE": str(where["NAME"]), "PATH": path}
