"""Who the client is behind a proxy."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import override_settings

from imageapi.serving.client_address import ClientAddress

DIRECT = ["192.0.2.1", 4711]


async def seen(*forwarded: str) -> list[Any]:
    """The client that the application is told of."""
    found: list[Any] = []

    async def application(scope: dict[str, Any], receive: Any, send: Any) -> None:
        found.extend(scope["client"])

    headers = [(b"x-forwarded-for", value.encode()) for value in forwarded]
    await ClientAddress(application)({"headers": headers, "client": DIRECT}, None, None)
    return found


@pytest.mark.parametrize(
    ("forwarded", "client"),
    [
        (["203.0.113.7"], "203.0.113.7"),
        (["198.51.100.1, 203.0.113.7"], "203.0.113.7"),
        (["198.51.100.1", "203.0.113.7"], "203.0.113.7"),
        (["2001:db8::1"], "2001:db8::1"),
        (["203.0.113.7, unknown"], DIRECT[0]),
        ([], DIRECT[0]),
    ],
)
async def test_behind_a_proxy_the_client_is_the_one_the_proxy_named(
    forwarded: list[str], client: str
) -> None:
    with override_settings(BEHIND_PROXY=True):
        assert (await seen(*forwarded))[0] == client


async def test_without_a_proxy_nobody_names_himself() -> None:
    with override_settings(BEHIND_PROXY=False):
        assert await seen("203.0.113.7") == DIRECT
