"""`manage.py removals hold|release`: no file goes while a backup copies them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from processing.files import discards


class Command(BaseCommand):
    """A hold ends by itself after its hours, in case the backup was killed."""

    help = "Holds back the removal of files that rows let go, or lets it go on. deploy/backup does both."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("what", choices=["hold", "release"])
        parser.add_argument("--hours", type=float, default=24.0, help="the longest hold (default: 24)")

    def handle(self, *args: Any, what: str, hours: float, **options: Any) -> None:
        if what == "hold":
            discards.hold(timedelta(hours=hours))
        else:
            discards.release()
