"""Who is asking: bearer token, session cookie, or the anonymous plan."""

from __future__ import annotations

import copy
from functools import cache, partial
from typing import TYPE_CHECKING, Any

from channels.db import database_sync_to_async
from django.conf import settings
from django.contrib.auth import get_user
from django.contrib.sessions.backends.db import SessionStore
from django.http import HttpRequest, QueryDict
from django.http.cookie import parse_cookie
from django.utils import timezone
from knox.auth import TokenAuthentication
from knox.crypto import hash_token
from knox.models import AuthToken
from rest_framework.authentication import BaseAuthentication, SessionAuthentication
from rest_framework.exceptions import AuthenticationFailed, PermissionDenied

from processing.accounts.models import Plan, User
from processing.plumbing.joined_rows import Joined
from processing.plumbing.reader import persistently
from uploads.anonymous import anonymous_user, anonymous_user_of
from uploads.origins import is_foreign

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from rest_framework.request import Request

SUBPROTOCOL = "imageapi"


def account(request: Request) -> User:
    """The account a request acts for; views behind IsAuthenticated always have one."""
    assert isinstance(request.user, User)
    return request.user


def user_of_token(token: str) -> tuple[User, AuthToken]:
    """Raises AuthenticationFailed for one that is unknown, expired, or of an account that is switched off."""
    # Most requests begin with this: it finds out itself whether the kept connection works.
    rows = persistently(partial(_of_token, hash_token(token)))
    if not rows:
        raise AuthenticationFailed("This token is not known.", code="invalid_token")
    found, user, user.plan = rows[0]
    if found.expiry and found.expiry < timezone.now():
        raise AuthenticationFailed("This token has expired.", code="token_expired")
    found.user = user
    return user, found


_BY_DIGEST = """
SELECT {columns} FROM knox_authtoken t
JOIN processing_user u ON u.id = t.user_id AND u.is_active JOIN processing_plan p ON p.id = u.plan_id
WHERE t.digest = %s
"""


def _of_token(digest: str) -> list[tuple[Any, ...]]:
    joined = _tokens()
    return joined.read(_BY_DIGEST.format(columns=joined.columns), [digest])


@cache
def _tokens() -> Joined:
    return Joined({"t": AuthToken, "u": User, "p": Plan})


class BearerAuthentication(TokenAuthentication):
    """`Authorization: Bearer <token>`, found by its hash in one query."""

    def authenticate_credentials(self, token: bytes) -> tuple[User, AuthToken]:
        return user_of_token(token.decode("utf-8", "replace"))

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="imageapi"'

    def authenticate(self, request: Request) -> tuple[User, AuthToken] | None:
        kind, _, token = request.headers.get("Authorization", "").partition(" ")
        if kind.lower() != "bearer":
            return None
        return self.authenticate_credentials(token.strip().encode())


class CookieAuthentication(SessionAuthentication):
    """The page's session cookie, with Django's CSRF check on the `X-CSRFToken` header."""

    def enforce_csrf(self, request: Request) -> None:
        # Django looks into the body first: an upload would be read before it is known whose it is.
        bodiless = copy.copy(request._request)
        bodiless.POST = QueryDict()
        super().enforce_csrf(bodiless)  # type: ignore[arg-type]


class AnonymousPlanAuthentication(BaseAuthentication):
    """Requests without credentials, where the installation lets them act under a plan."""

    def authenticate(self, request: Request) -> tuple[User, None] | None:
        user = anonymous_user_of(request._request)
        if user is None:
            return None
        if is_foreign(request.headers.get("Origin"), request.get_host()):
            # Any page in the same browser could use a service on loopback that asks for no credentials.
            raise PermissionDenied("Pages of other sites must send a token.", code="foreign_origin")
        return user, None


class SocketAccess:
    """ASGI middleware of the sockets: puts the account into the scope as `user`, None where there is none.

    A page of another site is refused before the handshake, unless it holds a token.
    """

    def __init__(self, app: Callable[..., Awaitable[Any]]) -> None:
        self.app = app

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> Any:
        headers = {
            name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]
        }
        token = _socket_token(scope, headers)
        if token is None and is_foreign(headers.get("origin"), headers.get("host", "")):
            await send({"type": "websocket.close", "code": 4403})
            return None
        user = await database_sync_to_async(_socket_user)(token, headers)
        return await self.app({**scope, "user": user}, receive, send)


def _socket_token(scope: Mapping[str, Any], headers: Mapping[str, str]) -> str | None:
    for offered in scope.get("subprotocols", ()):
        if offered.startswith("bearer."):
            return str(offered.removeprefix("bearer."))
    kind, _, token = headers.get("authorization", "").partition(" ")
    return token.strip() if kind.lower() == "bearer" else None


def _socket_user(token: str | None, headers: Mapping[str, str]) -> User | None:
    if token is not None:
        try:
            return user_of_token(token)[0]
        except AuthenticationFailed:
            return None
    session_key = parse_cookie(headers.get("cookie", "")).get(settings.SESSION_COOKIE_NAME)
    if session_key:
        request = HttpRequest()
        request.session = SessionStore(session_key)
        user = get_user(request)
        if isinstance(user, User) and user.is_active:
            return user
    return anonymous_user(headers)
