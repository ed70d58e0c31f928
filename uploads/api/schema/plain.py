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
            "description": f"{summary}.",
            "security": [{}],
            **({"parameters": named} if named else {}),
            "responses": {
                "400": {"description": "This request was not understood", "content": _PROBLEM},
                **answers,
            },
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


# What the operations are grouped by, in the order in which a newcomer meets them.
TAGS = {
    "upload": "Images in, one or many at once.",
    "resumable uploads": "Files that go on where they broke off: tus and the IETF's draft.",
    "jobs": "What became of an upload, and what happened in which order.",
    "images": "Pictures with their renditions, colours and links.",
    "feed": "Completed images by hue and colour.",
    "recipes": "What is made of an image.",
    "canvas": "The pixel ping-pong.",
    "csv": "Images by their addresses.",
    "webhooks": "Receivers that are told, and what was sent to them.",
    "account": "Tokens, the plan and its usage.",
    "operations": "What those ask who run the service.",
}


def complete(result: Shape, **_: Any) -> Shape:
    """Adds the shapes, the paths that Django answers without DRF, and the messages to receivers."""
    schemas = result.setdefault("components", {}).setdefault("schemas", {})
    result["components"]["schemas"] = dict(sorted({**schemas, **COMPONENTS}.items()))
    result["paths"] = dict(sorted({**result["paths"], **PATHS}.items()))
    result["webhooks"] = WEBHOOKS
    result["tags"] = [{"name": name, "description": text} for name, text in TAGS.items()]
    return result
