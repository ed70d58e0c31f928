"""`manage.py up`: the whole service on this machine, until Ctrl-C or SIGTERM."""

from __future__ import annotations

import os
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from imageapi.up import launch
from imageapi.up.privileges import NoAccount
from imageapi.up.programs import ServerFailed
from imageapi.up.state_folder import UnsafeFolder, make_folders
from imageapi.up.subprocesses import StillOwned
from imageapi.up.supervisor import AlreadyRunning, StepFailed, StopRequested, Supervisor

_REFUSALS = (
    *(AlreadyRunning, StepFailed, StillOwned),
    *(NoAccount, ServerFailed, UnsafeFolder, launch.PortInUse),
)


class Command(BaseCommand):
    """Thin: the order of the start is in imageapi/up/launch.py, the watch in imageapi/up/supervisor.py."""

    help = "Starts PostgreSQL, Redis, the web server, workers and beat; stops them on Ctrl-C or SIGTERM."
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        """Returns after a clean stop; exit code 1 and one sentence when a step fails."""
        plan = launch.plan_from(os.environ)
        os.umask(0o077)  # of every child, too: pictures, logs and keys are their owner's alone
        try:
            launch.refuse_used_port(plan)
            make_folders(plan.home)
            with Supervisor(plan.home) as supervisor:
                launch.up(plan, supervisor)
        except StopRequested:
            raise CommandError("stopped before it was ready") from None
        except _REFUSALS as error:
            raise CommandError(str(error)) from error
