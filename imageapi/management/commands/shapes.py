"""`manage.py shapes`: the shapes that docs/asyncapi.yaml shares with OpenAPI, to be written at its end."""

from __future__ import annotations

import json
from typing import Any

import yaml
from django.core.management.base import BaseCommand

from imageapi.asyncapi import FILE
from processing.webhooks.events import EVENTS, TEST
from uploads.api.schema.components import COMPONENTS
from uploads.api.schema.messages import message_component

SHARED = (
    *("AccountSnapshot", "Color", "Error", "Image", "Job", "Picture", "Point", "Rendition"),
    *(message_component(event) for event in (*EVENTS.values(), TEST)),
)


class Command(BaseCommand):
    """Thin, and safe to run again: all but the shapes stays as it is, byte for byte."""

    help = "Writes the shapes of images and jobs into docs/asyncapi.yaml."
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        kept = FILE.read_text().partition("  schemas:\n")[0]
        plain = json.loads(json.dumps({"schemas": {name: COMPONENTS[name] for name in SHARED}}))
        written = yaml.safe_dump(plain, sort_keys=False, width=110)
        FILE.write_text(kept + "".join(f"  {line}\n" for line in written.splitlines()))
