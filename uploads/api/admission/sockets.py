"""Who opens a socket: the account behind its token, its session or the anonymous plan, and from which page.

The handshake is HTTP, so what holds for a request holds here: the Host must be one of ours, and a page of
another site needs a token. What is refused is told after the socket is accepted: a browser shows the code
of a close, and of a refused handshake nothing.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import Error
from django.http.cookie import parse_cookie
from django.http.request import split_domain_port, validate_host
from rest_framework.exceptions import AuthenticationFailed

from processing.plumbing.reader import reader
from uploads.access.anonymous import anonymous_user
from uploads.access.origins import is_foreign
from uploads.api.admission.credentials import Credential, credential, session_user
from uploads.api.authentication import SUBPROTOCOL, user_of_token

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from processing.accounts.models import User

NO_CREDENTIALS, FOREIGN, TRY_AGAIN_LATER = 4401, 4403, 1013
_SESSION_KEY = re.compile(r"[a-z0-9]{32}")

Admitted = tuple["User", Credential]


class SocketAccess:
    """ASGI middleware of the sockets: puts the account into the scope as `user`, and what let it in as
    `credential`; closes those who are nobody's.
    """

    def __init__(self, app: Callable[..., Awaitable[Any]]) -> None:
        self.app = app

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> Any:
        headers = {
            name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]
        }
        token = _token(scope, headers)
        if not _is_ours(headers, has_token=token is not None):
            return await _refuse(scope, receive, send, FOREIGN)
        try:
            admitted = await reader.ask(_admit, token, headers)
        except Error:
            return await _refuse(scope, receive, send, TRY_AGAIN_LATER)
        if admitted is None:
            return await _refuse(scope, receive, send, NO_CREDENTIALS)
        user, credential = admitted
        return await self.app({**scope, "user": user, "credential": credential}, receive, send)


async def _refuse(scope: Mapping[str, Any], receive: Any, send: Any, code: int) -> None:
    await receive()
    subprotocol = SUBPROTOCOL if SUBPROTOCOL in scope.get("subprotocols", ()) else None
    await send({"type": "websocket.accept", "subprotocol": subprotocol})
    await send({"type": "websocket.close", "code": code})


def _is_ours(headers: Mapping[str, str], *, has_token: bool) -> bool:
    host = headers.get("host", "")
    if not validate_host(split_domain_port(host)[0], settings.ALLOWED_HOSTS):
        return False
    return has_token or not is_foreign(headers.get("origin"), host)


def _token(scope: Mapping[str, Any], headers: Mapping[str, str]) -> str | None:
    for offered in scope.get("subprotocols", ()):
        if offered.startswith("bearer."):
            return str(offered.removeprefix("bearer."))
    kind, _, token = headers.get("authorization", "").partition(" ")
    return token.strip() if kind.lower() == "bearer" else None


def _admit(token: str | None, headers: Mapping[str, str]) -> Admitted | None:
    if token is not None:
        try:
            user, kept = user_of_token(token)
        except AuthenticationFailed:
            return None
        return user, credential(user, kept)
    session_key = parse_cookie(headers.get("cookie", "")).get(settings.SESSION_COOKIE_NAME, "")
    if _SESSION_KEY.fullmatch(session_key) and (user := session_user(session_key)):
        return user, credential(user, session_key=session_key)
    anonymous = anonymous_user(headers)
    return (anonymous, credential(anonymous)) if anonymous else None
