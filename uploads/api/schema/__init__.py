"""The description of the HTTP interface: OpenAPI 3.1 at /api/schema/.

Importing the package describes the views. drf-spectacular asks for it by the settings' names of its hooks.
"""

from __future__ import annotations

from uploads.api.schema import canvas, csv, events, finding, giving, resumable, routes, security, webhooks
from uploads.api.schema.plain import complete, one_spelling

__all__ = [
    "canvas",
    "complete",
    "csv",
    "events",
    "finding",
    "giving",
    "one_spelling",
    "resumable",
    "routes",
    "security",
    "webhooks",
]
