"""Requests without credentials: the account they act for, and when there is none for them.

The plan that `make up` takes by itself is for the machine it runs on. A request that somebody passed on, or
that asks for another name than this machine's own, comes from elsewhere, whatever its address says.
"""

from __future__ import annotations

import ipaddress
import logging
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from django.conf import settings

from processing.accounts.models import Plan, User
from processing.plumbing.reader import persistently

if TYPE_CHECKING:
    from collections.abc import Mapping

    from django.http import HttpRequest

logger = logging.getLogger(__name__)

ANONYMOUS = "anonymous"
# Forwarded: RFC 7239, Via: RFC 9110, section 7.6.3; the others are what proxies and CDNs send in practice.
_PASSED_ON = frozenset({"forwarded", "via", "x-real-ip", "x-client-ip", "true-client-ip", "cf-connecting-ip"})


def anonymous_user(headers: Mapping[str, str], http_version: str = "1.1") -> User | None:
    """The account of a request without credentials; None where it may not act for anybody.

    `headers` by their names in lower case, of HTTP and of WebSocket handshakes alike. A plan named by
    IMAGEAPI_ANONYMOUS_PLAN holds for everybody, the one of `make up` only for this machine.
    """
    if not settings.ANONYMOUS_PLAN:
        return None
    if not settings.ANONYMOUS_FROM_ANYWHERE and (reason := _from_elsewhere(headers, http_version)):
        logger.warning(
            "401: a request without credentials %s; IMAGEAPI_ANONYMOUS_PLAN=%s would let all of them in",
            reason,
            settings.ANONYMOUS_PLAN,
        )
        return None
    user = persistently(User.objects.select_related("plan").filter(username=ANONYMOUS).first)
    if user is None or user.plan.name != settings.ANONYMOUS_PLAN:
        plan = Plan.objects.filter(name=settings.ANONYMOUS_PLAN).first()
        if plan is None:  # asked for at the start, and renamed since
            logger.warning(
                "401: there is no plan %s, which IMAGEAPI_ANONYMOUS_PLAN names", settings.ANONYMOUS_PLAN
            )
            return None
        user, _ = User.objects.update_or_create(username=ANONYMOUS, defaults={"plan": plan})
    return user


def anonymous_user_of(request: HttpRequest) -> User | None:
    """The same for a request of Django's."""
    headers = {name.lower(): value for name, value in request.headers.items()}
    return anonymous_user(headers, getattr(request, "scope", {}).get("http_version", "1.1"))


def _from_elsewhere(headers: Mapping[str, str], http_version: str) -> str:
    """What says that the request does not come from this machine; empty where nothing does."""
    for name in headers:
        if name in _PASSED_ON or name.startswith("x-forwarded-"):
            return f"came through a proxy (it has a header {name})"
    if http_version == "1.0" and headers.get("connection", "").lower() == "close":
        # What nginx' proxy_pass sends where nothing else is configured: no header names the client.
        return "came through a proxy (HTTP/1.0 with `Connection: close`)"
    host = headers.get("host", "")
    return "" if is_loopback(host) else f"asks for the host {host[:100]!r}, which is not loopback"


def is_loopback(host: str) -> bool:
    """Whether a Host header names this machine alone: localhost, 127.0.0.0/8 or [::1], with any port."""
    try:
        name = urlsplit(f"//{host}").hostname or ""
        return name == "localhost" or ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False
