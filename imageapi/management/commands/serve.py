"""`manage.py serve`: the ASGI server."""

from __future__ import annotations

import gc
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from imageapi.serving import borrowed
from imageapi.serving.server import Server


class Command(BaseCommand):
    help = "Serves HTTP and WebSockets."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--host", default=settings.HOST)
        parser.add_argument("--port", type=int, default=settings.PORT)

    def handle(self, *args: Any, host: str, port: int, **options: Any) -> None:
        try:
            borrowed.check()
        except borrowed.ServerChanged as error:
            raise CommandError(str(error)) from error
        # The application is Django set up; the command runs in one that already is.
        from imageapi.asgi import application

        # What is loaded now stays: the collector need not look through it again and again.
        gc.collect()
        gc.freeze()
        server = Server(application, host, port)
        server.run()
        if server.failed:
            raise CommandError(f"{host}:{port} cannot be opened")
