"""Below which path the service is reached: by a setting, or by the word of a trusted proxy alone."""

from __future__ import annotations

from typing import Any

import pytest
from pytest_django import Settings

from imageapi.serving.prefix import Prefix

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
