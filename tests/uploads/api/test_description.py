"""The OpenAPI document, as generators and linters want it."""

from __future__ import annotations

import base64
import io
from typing import Any

import pytest
import yaml
from django.test import Client
from drf_spectacular.generators import SchemaGenerator
from PIL import Image

from processing.accounts.first_plans import FIRST_PLANS
from processing.accounts.models import Plan
from uploads.api.views.accounts import plan_shape


@pytest.fixture(scope="module")
def document() -> Any:
    return SchemaGenerator().get_schema(request=None, public=True)


@pytest.mark.parametrize(
    ("query", "accept", "expected"),
    [
        ("", "*/*", "application/json"),
        ("?format=yaml", "*/*", "application/yaml"),
        ("?format=yaml", "application/json", "application/yaml"),
        ("?format=json", "application/yaml", "application/json"),
        ("", "application/yaml", "application/yaml"),
        ("", "application/vnd.oai.openapi+json", "application/vnd.oai.openapi+json"),
    ],
)
def test_it_is_read_as_json_or_yaml(query: str, accept: str, expected: str) -> None:
    answer = Client().get(f"/api/schema/{query}", headers={"Accept": accept})
    assert answer["Content-Type"].split(";")[0] == expected
    assert yaml.safe_load(answer.content)["openapi"].startswith("3.1")


def test_it_says_where_the_service_is_and_who_may_call(document: Any) -> None:
    assert document["servers"][0]["url"] == "/"
    operations = [op for path in document["paths"].values() for op in path.values()]
    operations += [op for message in document["webhooks"].values() for op in message.values()]
    assert all("security" in operation for operation in operations)


def test_files_are_binary_for_generators_too(document: Any) -> None:
    form = document["paths"]["/api/upload"]["post"]["requestBody"]["content"]["multipart/form-data"]["schema"]
    assert form["properties"]["image"]["format"] == "binary"


def test_the_plan_has_all_its_fields(document: Any) -> None:
    plan = Plan(name="Basic", **FIRST_PLANS["Basic"])
    described = document["components"]["schemas"]["Plan"]
    assert set(described["properties"]) == set(described["required"]) == set(plan_shape(plan))


def test_the_ping_pong_takes_a_picture_in_three_wrappings(document: Any) -> None:
    content = document["paths"]["/ping"]["post"]["requestBody"]["content"]
    assert set(content) == {"application/json", "application/x-www-form-urlencoded", "multipart/form-data"}
    for described in content.values():
        file = next(iter(described["examples"].values()))["value"]["file"]
        with Image.open(io.BytesIO(base64.b64decode(file))) as picture:
            assert picture.format == "PNG"
