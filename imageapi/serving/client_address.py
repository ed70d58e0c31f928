"""Who the client is, where a proxy in front says it."""

from __future__ import annotations

import ipaddress
from collections.abc import Awaitable, Callable
from typing import Any

from django.conf import settings


class ClientAddress:
    """ASGI middleware: behind a proxy, the client is the last one that X-Forwarded-For names.

    The proxy itself wrote that one; all before it are the client's own words.
    """

    def __init__(self, app: Callable[..., Awaitable[Any]]) -> None:
        self.app = app

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        address = forwarded_address(scope) if settings.BEHIND_PROXY else None
        await self.app({**scope, "client": [address, 0]} if address else scope, receive, send)


def forwarded_address(scope: dict[str, Any]) -> str | None:
    """The address next to the proxy; None where there is none, or it is not one."""
    given = [value for name, value in scope["headers"] if name.lower() == b"x-forwarded-for"]
    last = b",".join(given).rsplit(b",", 1)[-1].decode("latin-1").strip()
    try:
        return str(ipaddress.ip_address(last))
    except ValueError:
        return None
