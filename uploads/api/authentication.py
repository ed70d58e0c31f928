"""Who is asking: bearer token, session cookie, or the anonymous plan."""

from __future__ import annotations

import copy
from functools import cache, partial
from typing import TYPE_CHECKING, Any

from django.http import QueryDict
from django.utils import timezone
from knox.auth import TokenAuthentication
from knox.crypto import hash_token
from knox.models import AuthToken
from rest_framework.authentication import BaseAuthentication, SessionAuthentication
from rest_framework.exceptions import AuthenticationFailed, PermissionDenied

from processing.accounts.models import Plan, User
from processing.plumbing.joined_rows import Joined
from processing.plumbing.reader import persistently
from uploads.access.anonymous import anonymous_user_of
from uploads.access.origins import is_foreign

if TYPE_CHECKING:
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
