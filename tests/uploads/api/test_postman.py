"""The Postman collection has what the OpenAPI document has."""

from __future__ import annotations

import json
import re
from io import StringIO
from typing import Any

import jsonschema
import pytest
from django.core.management import call_command
from drf_spectacular.generators import SchemaGenerator

TEXT = {"type": "string"}
PAIRS = {
    "type": "array",
    "items": {"type": "object", "properties": {"key": TEXT, "value": TEXT}, "required": ["key", "value"]},
}


def one_of(named: str, **shapes: Any) -> Any:
    """Each value of the member `named` with the member that it needs."""
    return {
        "required": [named],
        "oneOf": [
            {"properties": {named: {"const": value}, needed: shape}, "required": [needed]}
            for value, (needed, shape) in shapes.items()
        ],
    }


FILES = {"type": ["string", "array"]}
FORM = {"type": "array", "items": one_of("type", file=("src", FILES), text=("value", TEXT))}
# What Postman's own schema asks for (collection v2.1.0), narrowed to what we write.
ITEM = {
    "type": "object",
    "required": ["name", "request", "response"],
    "properties": {
        "name": {**TEXT, "minLength": 1},
        "response": {"type": "array"},
        "request": {
            "type": "object",
            "required": ["method", "header", "url"],
            "additionalProperties": False,
            "properties": {
                "method": {"enum": ["GET", "POST", "PUT", "PATCH", "DELETE"]},
                "description": TEXT,
                "header": PAIRS,
                "auth": {"const": {"type": "noauth"}},
                "url": {
                    "type": "object",
                    "required": ["raw", "host", "path"],
                    "properties": {
                        "raw": {"type": "string", "pattern": "^{{baseUrl}}/"},
                        "host": {"const": ["{{baseUrl}}"]},
                        "path": {"type": "array", "items": {**TEXT, "minLength": 1}},
                        "query": PAIRS,
                        "variable": PAIRS,
                    },
                },
                "body": one_of(
                    "mode", raw=("raw", TEXT), formdata=("formdata", FORM), file=("file", {"type": "object"})
                ),
            },
        },
    },
}


@pytest.fixture(scope="module")
def document() -> Any:
    return SchemaGenerator().get_schema(request=None, public=True)


@pytest.fixture(scope="module")
def made() -> Any:
    return printed("--base-url", "https://images.example.com/")


@pytest.fixture(scope="module")
def pairs(document: Any, made: Any) -> list[tuple[Any, Any]]:
    """Each operation of the document with the request made of it."""
    requests = {
        (item["request"]["method"].lower(), described_path(item["request"]["url"])): item["request"]
        for folder in made["item"]
        for item in folder["item"]
    }
    return [
        (operation, requests[method, path])
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]


def printed(*arguments: str) -> Any:
    out = StringIO()
    call_command("postman", *arguments, stdout=out)
    return json.loads(out.getvalue())


def described_path(url: Any) -> str:
    return "/" + "/".join(re.sub("^:(.+)", r"{\1}", part) for part in url["path"])


def names(operation: Any, place: str) -> list[str]:
    return [parameter["name"] for parameter in operation.get("parameters", []) if parameter["in"] == place]


def test_every_operation_is_in_it_once_below_its_tag(document: Any, made: Any) -> None:
    described = sorted(
        (operation["tags"][0], method.upper(), path)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    )
    requests = [(folder["name"], item["request"]) for folder in made["item"] for item in folder["item"]]
    assert (
        sorted((tag, request["method"], described_path(request["url"])) for tag, request in requests)
        == described
    )
    assert len(described) > 30


def test_it_has_the_members_that_postman_asks_for(made: Any) -> None:
    assert made["info"]["name"] == "imageapi"
    assert made["info"]["schema"] == "https://schema.getpostman.com/json/collection/v2.1.0/collection.json"
    assert made["auth"]["bearer"] == [{"key": "token", "value": "{{token}}", "type": "string"}]
    for folder in made["item"]:
        for item in folder["item"]:
            jsonschema.validate(item, ITEM, cls=jsonschema.Draft202012Validator)


def test_its_variables_are_the_address_and_the_token(made: Any) -> None:
    values = {variable["key"]: variable["value"] for variable in made["variable"]}
    assert values == {"baseUrl": "https://images.example.com", "token": ""}
    assert printed()["variable"][0]["value"] == "http://127.0.0.1:8000"


def test_every_parameter_has_its_place(pairs: list[tuple[Any, Any]]) -> None:
    for operation, request in pairs:
        url = request["url"]
        assert [pair["key"] for pair in url["query"]] == names(operation, "query")
        json_sent = ["Content-Type"] if request.get("body", {}).get("mode") == "raw" else []
        assert [pair["key"] for pair in request["header"]] == names(operation, "header") + json_sent
        variables = [pair["key"] for pair in url["variable"]]
        assert variables == names(operation, "path")
        assert [part[1:] for part in url["path"] if part.startswith(":")] == variables, url["raw"]
        assert not any("{" in part for part in url["path"]), url["raw"]
        assert url["raw"] == "/".join([*url["host"], *url["path"]])  # all queries are optional so far


def test_only_what_needs_no_token_is_sent_without_one(pairs: list[tuple[Any, Any]]) -> None:
    for operation, request in pairs:
        assert ("auth" in request) == ({"bearer": []} not in operation["security"]), request["url"]["raw"]


def test_example_bodies_are_what_the_schema_asks_for(document: Any, pairs: list[tuple[Any, Any]]) -> None:
    modes = set()
    for operation, request in pairs:
        assert ("requestBody" in operation) == ("body" in request)
        if "body" not in request:
            continue
        # Where there are several media types, the first is the example's.
        media_type, described = next(iter(operation["requestBody"]["content"].items()))
        body = request["body"]
        if described["schema"].get("format") == "binary":
            assert body == {"mode": "file", "file": {"src": ""}}
            continue
        modes.add((media_type, body["mode"]))
        if body["mode"] == "raw":
            schema = {**described["schema"], "components": document["components"]}
            jsonschema.validate(json.loads(body["raw"]), schema, cls=jsonschema.Draft202012Validator)
        else:
            assert [field["key"] for field in body["formdata"]] == list(described["schema"]["properties"])
            sent = [field["key"] for field in body["formdata"] if not field["disabled"]]
            assert sent == described["schema"]["required"]
    assert modes == {("application/json", "raw"), ("multipart/form-data", "formdata")}


def test_files_are_files_and_several_where_several_may_be_sent(pairs: list[tuple[Any, Any]]) -> None:
    found = {
        (request["url"]["raw"].removeprefix("{{baseUrl}}"), field["key"]): field["src"]
        for _, request in pairs
        for field in request.get("body", {}).get("formdata", [])
        if field["type"] == "file"
    }
    assert found == {
        ("/api/upload", "image"): "photo.jpg",
        ("/api/async/upload", "images"): ["a.jpg", "b.heic"],
        ("/api/async/batch/upload", "images"): ["a.jpg", "b.heic"],
        ("/imgproc/upload", "file"): "products.csv",
    }
