"""A Postman collection, format 2.1.0, made from the OpenAPI document.

Format: https://schema.postman.com/collection/json/v2.1.0/draft-07/docs/index.html
"""

from __future__ import annotations

import json
import re
from typing import Any

from uploads.api.schema.components import Shape

FORMAT = "https://schema.getpostman.com/json/collection/v2.1.0/collection.json"
_BEARER = {"type": "bearer", "bearer": [{"key": "token", "value": "{{token}}", "type": "string"}]}


def collection(document: Shape, base_url: str) -> Shape:
    """One folder a tag, one request an operation; its variables are `baseUrl` and `token`."""
    folders: dict[str, list[Shape]] = {}
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            folders.setdefault(operation["tags"][0], []).append(_item(method, path, operation))
    info = document["info"]
    return {
        "info": {"name": info["title"], "description": info["description"], "schema": FORMAT},
        "item": [{"name": tag, "item": items} for tag, items in sorted(folders.items())],
        "auth": _BEARER,
        "variable": [_variable("baseUrl", base_url), _variable("token", "")],
    }


def _variable(key: str, value: str) -> Shape:
    return {"key": key, "value": value, "type": "string"}


def _item(method: str, path: str, operation: Shape) -> Shape:
    parameters = operation.get("parameters", [])
    request = {
        "method": method.upper(),
        "description": operation.get("description", ""),
        "header": [_pair(parameter) for parameter in parameters if parameter["in"] == "header"],
        "url": _url(path, parameters),
    }
    if operation["security"] == [{}]:
        request["auth"] = {"type": "noauth"}
    if "requestBody" in operation:
        request["body"] = _body(operation["requestBody"]["content"])
        if request["body"]["mode"] == "raw":
            # Postman itself takes it from the body's language; others that import collections do not.
            request["header"].append({"key": "Content-Type", "value": "application/json"})
    return {"name": operation["summary"], "request": request, "response": []}


def _url(path: str, parameters: list[Shape]) -> Shape:
    path = re.sub(r"\{(\w+)\}", r":\1", path)
    query = [_pair(parameter) for parameter in parameters if parameter["in"] == "query"]
    sent = "&".join(f"{pair['key']}={pair['value']}" for pair in query if not pair["disabled"])
    return {
        "raw": "{{baseUrl}}" + path + ("?" + sent if sent else ""),
        "host": ["{{baseUrl}}"],
        "path": path.strip("/").split("/"),
        "query": query,
        "variable": [
            {"key": parameter["name"], "value": "", "description": parameter.get("description", "")}
            for parameter in parameters
            if parameter["in"] == "path"
        ],
    }


def _pair(parameter: Shape) -> Shape:
    """An optional one is there to be ticked."""
    return {
        "key": parameter["name"],
        "value": _first_value(parameter["schema"]),
        "description": parameter.get("description", ""),
        "disabled": not parameter.get("required", False),
    }


def _first_value(shape: Shape) -> str:
    value = shape.get("default", next(iter(shape.get("enum", [])), ""))
    return value if isinstance(value, str) else json.dumps(value)


def _body(content: Shape) -> Shape:
    (media_type, described), *_ = content.items()
    examples = [example["value"] for example in described.get("examples", {}).values()]
    example = examples[0] if examples else {}
    if media_type == "multipart/form-data":
        return {"mode": "formdata", "formdata": _fields(described["schema"], example)}
    if described["schema"].get("format") == "binary":
        return {"mode": "file", "file": {"src": ""}}
    raw = json.dumps(example, indent=2)
    return {"mode": "raw", "raw": raw, "options": {"raw": {"language": "json"}}}


def _fields(form: Shape, example: dict[str, Any]) -> list[Shape]:
    return [
        {
            "key": name,
            **_value(shape, example.get(name)),
            "description": shape.get("description", ""),
            "disabled": name not in form["required"],
        }
        for name, shape in form["properties"].items()
    ]


def _value(shape: Shape, example: Any) -> Shape:
    """Files are named, not held: Postman looks for them in its working directory."""
    if "contentMediaType" in shape.get("items", shape):
        return {"type": "file", "src": example}
    return {"type": "text", "value": example or ""}
