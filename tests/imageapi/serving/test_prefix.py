"""Below which path the service is reached: by a setting, or by the word of a trusted proxy alone."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from pytest_django import Settings
from websockets.asyncio.client import connect

from imageapi.serving.prefix import Prefix
from tests.drawing import photo
from tests.serving import web_server
from tests.stack import Stack

Scope = dict[str, Any]


async def seen(headers: list[tuple[str, str]], path: str = "/api/me") -> Scope:
    found: list[Scope] = []

    async def app(scope: Scope, _receive: Any, _send: Any) -> None:
        found.append(scope)

    raw = [(name.encode(), value.encode()) for name, value in headers]
    await Prefix(app)(
        {
            "type": "http",
            "client": ("10.0.0.9", 1),
            "root_path": "/of-the-client",
            "path": path,
            "headers": raw,
        },
        None,
        None,
    )
    return found[0]


PREFIXES = [
    # behind a proxy, FORCE_SCRIPT_NAME, X-Forwarded-Prefix, path; prefix and path inside
    ((True, None, "/img", "/api/me"), ("/img", "/api/me")),
    ((True, None, "/img/", "/img/api/me"), ("/img", "/api/me")),
    ((True, None, "/a/b", "/a/b"), ("/a/b", "/")),
    ((True, None, "/img", "/imgproc/upload"), ("/img", "/imgproc/upload")),
    ((False, None, "/img", "/api/me"), ("", "/api/me")),
    ((True, None, "//evil.example", "/api/me"), ("", "/api/me")),
    ((True, None, "https://evil.example", "/api/me"), ("", "/api/me")),
    ((True, None, '/"><script>', "/api/me"), ("", "/api/me")),
    ((False, "/img", "", "/img/api/me"), ("/img", "/api/me")),
    ((True, "/img", "/other", "/api/me"), ("/img", "/api/me")),
]


@pytest.mark.parametrize(("given", "expected"), PREFIXES)
async def test_the_prefix_is_a_setting_or_a_trusted_proxys_word(
    settings: Settings, given: tuple[bool, str | None, str, str], expected: tuple[str, str]
) -> None:
    settings.BEHIND_PROXY, settings.FORCE_SCRIPT_NAME, header, path = given
    scope = await seen([("x-forwarded-prefix", header)] if header else [], path)
    assert (scope["root_path"], scope["path"]) == expected


@pytest.fixture(scope="module", params=["setting", "proxy"])
def below(stack: Stack, request: pytest.FixtureRequest) -> Iterator[httpx.Client]:
    """The service below /img, by a setting or by the word of a proxy that takes the prefix off."""
    environ = {"FORCE_SCRIPT_NAME": "/img"} if request.param == "setting" else {"IMAGEAPI_BEHIND_PROXY": "1"}
    headers = {"Authorization": f"Bearer {stack.token}", "X-Forwarded-Prefix": "/img"}
    with (
        web_server(stack, **environ) as url,
        httpx.Client(base_url=url, headers=headers, timeout=60) as client,
    ):
        yield client


def test_what_is_answered_leads_below_the_prefix(below: httpx.Client) -> None:
    sent = below.post("/img/api/upload", files=[("image", ("a.jpg", photo(1, 600, 400)))])
    assert sent.status_code == 200
    image = sent.json()["image"]
    for url in (sent.headers["Location"], image["original_url"], *(r["url"] for r in image["renditions"])):
        assert url.startswith("/img/"), url
        assert below.get(url).status_code == 200
    many = below.post("/img/api/async/upload", files=[("images", ("b.jpg", photo(2, 60, 40)))])
    assert many.headers["Location"].startswith("/img/api/jobs/")
    assert below.get(many.headers["Location"]).status_code == 200
    link = below.post(f"/img/api/images/{image['id']}/links", json={"expire_time": 300}).json()["url"]
    assert "/img/links/" in link
    assert below.get(link).status_code == 200
    listed = below.get("/img/api/jobs?limit=1").json()
    assert "/img/api/jobs?" in listed["next"]
    assert below.get(listed["next"]).status_code == 200


def test_the_pages_lead_below_the_prefix(below: httpx.Client) -> None:
    page = below.get("/img/").text
    static = re.findall(r'(?:href|src)="([^"]*static[^"]*)"', page)
    assert static
    for url in static:
        assert url.startswith("/img/static/"), url
        assert below.get(url).status_code == 200
    answer = below.get("/img/admin/")
    assert answer.headers["Location"] == "/img/admin/login/?next=/img/admin/"
    assert below.get("/img/admin").headers["Location"] == "/img/admin/"
    assert 'action="/img/admin/login/' in below.get(answer.headers["Location"]).text


async def test_sockets_are_there_below_the_prefix(stack: Stack) -> None:
    headers = {"Authorization": f"Bearer {stack.token}", "X-Forwarded-Prefix": "/img"}
    with web_server(stack, FORCE_SCRIPT_NAME="/img") as url:
        for path in ("/img/ws/upload/", "/ws/upload/"):
            async with connect(url.replace("http", "ws", 1) + path, additional_headers=headers) as socket:
                assert "You are connected!" in str(await socket.recv())
