"""`manage.py postman`: the HTTP interface as a collection that Postman imports."""

from __future__ import annotations

import json
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser
from drf_spectacular.generators import SchemaGenerator

from uploads.api.schema.postman import collection


class Command(BaseCommand):
    """Thin: the work is in uploads/api/schema/postman.py."""

    help = "Prints a Postman collection v2.1 made from the OpenAPI schema."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--base-url",
            default=f"http://127.0.0.1:{settings.PORT}",
            metavar="URL",
            help="the collection's {{baseUrl}} (default: %(default)s)",
        )

    def handle(self, *args: Any, base_url: str, **options: Any) -> None:
        generator = SchemaGenerator()  # type: ignore[no-untyped-call]
        document = generator.get_schema(request=None, public=True)  # type: ignore[no-untyped-call]
        made = collection(document, base_url.rstrip("/"))
        self.stdout.write(json.dumps(made, indent=2, ensure_ascii=False))
