"""Paths that are no DRF views, and both spellings of those that are: hooks of drf-spectacular."""

from __future__ import annotations

from typing import Any

from uploads.api.schema.components import COMPONENTS, Shape, ref
from uploads.api.schema.messages import WEBHOOKS

_PROBLEM = {"application/problem+json": {"schema": ref("Problem")}}


def one_spelling(endpoints: list[Any], **_: Any) -> list[Any]:
    """Every path answers with and without its trailing slash; it is described once."""
    return [endpoint for endpoint in endpoints if not endpoint[0].endswith("/")]


def _get(tag: str, summary: str, answers: dict[str, Any], parameters: tuple[str, ...] = ()) -> Shape:
    named = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in parameters
    ]
    return {
        "get": {
            "operationId": "get_" + summary.lower().replace(" ", "_"),
            "tags": [tag],
            "summary": summary,
            "security": [{}],
            **({"parameters": named} if named else {}),
            "responses": answers,
        }
    }


def _json(description: str, name: str) -> Shape:
    return {"description": description, "content": {"application/json": {"schema": ref(name)}}}


_TEXT = {"schema": {"type": "string"}}
PATHS: dict[str, Shape] = {
    "/healthz/live": _get("operations", "This web server lives", {"200": _json("OK", "Health")}),
    "/healthz/ready": _get(
        "operations",
        "The service can work",
        {"200": _json("OK", "Health"), "503": _json("A check failed, and says why", "Health")},
    ),
    "/imgproc/check_db_connection": _get(
        "operations",
        "The database answers",
        {"200": _json("OK", "Connection"), "503": _json("It does not", "Connection")},
    ),
    "/links/{token}": _get(
        "images",
        "The original behind an expiring link",
        {
            "200": {"description": "The bytes as uploaded", "content": {"image/*": {}}},
            "206": {"description": "A part of them", "content": {"image/*": {}}},
            "304": {"description": "Not modified"},
            "404": {"description": "There is no such link", "content": _PROBLEM},
            "410": {"description": "It has expired", "content": _PROBLEM},
            "416": {"description": "No such part", "content": _PROBLEM},
        },
        ("token",),
    ),
    "/metrics": _get(
        "operations",
        "Numbers for Prometheus",
        {"200": {"description": "OK", "content": {"text/plain": _TEXT}}},
    ),
    "/media/{key}/{file}": _get(
        "images",
        "A rendition",
        {
            "200": {
                "description": "Upright, sRGB, no EXIF; never changes.",
                "content": {"image/jpeg": {}, "image/png": {}},
            },
            "304": {"description": "Not modified"},
            "404": {"description": "Not found", "content": _PROBLEM},
        },
        ("key", "file"),
    ),
}


def complete(result: Shape, **_: Any) -> Shape:
    """Adds the shapes, the paths that Django answers without DRF, and the messages to receivers."""
    schemas = result.setdefault("components", {}).setdefault("schemas", {})
    result["components"]["schemas"] = dict(sorted({**schemas, **COMPONENTS}.items()))
    result["paths"] = dict(sorted({**result["paths"], **PATHS}.items()))
    result["webhooks"] = WEBHOOKS
    return result
