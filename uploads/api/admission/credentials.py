"""What a socket or a stream was admitted by, and whether that still holds.

A request is over before its credentials are; a socket may outlive them. So it keeps what let it in, and asks.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from django.conf import settings
from django.contrib.auth import HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore
from django.contrib.sessions.models import Session
from django.db.models import Q
from django.utils import timezone
from knox.models import AuthToken

from processing.accounts.models import Plan, User

if TYPE_CHECKING:
    from collections.abc import Collection

    from rest_framework.request import Request

Allowances = tuple[tuple[str, Any], ...]


@dataclass(frozen=True, slots=True)
class Credential:
    """One way in: `key` is a token's digest, a session's key, or empty for the anonymous plan."""

    kind: Literal["token", "session", "anonymous"]
    user_id: int
    key: str
    password: str  # its hash: who changes the password means to end what it let in
    plan: Allowances

    def revoked(self, among: Collection[Credential]) -> set[Credential]:
        """Those of `among` that let nobody in any more. One question for each kind, however many they are."""
        accounts = {user.id: user for user in _accounts({each.user_id for each in among})}
        keys = _tokens(among) | _sessions(among)
        return {each for each in among if not _holds(each, accounts.get(each.user_id), keys)}


def credential(user: User, token: AuthToken | None = None, session_key: str = "") -> Credential:
    """What let `user` in: a token, a session, or neither."""
    kind: Literal["token", "session", "anonymous"] = "anonymous"
    key = ""
    if token is not None:
        kind, key = "token", token.digest
    elif session_key:
        kind, key = "session", session_key
    return Credential(kind, user.id, key, user.password, _allowances(user.plan))


def credential_of(request: Request) -> Credential:
    """The same of a request that was let in."""
    assert isinstance(request.user, User)
    if isinstance(request.auth, AuthToken):
        return credential(request.user, request.auth)
    session_key = request._request.session.session_key if request._request.user.is_authenticated else ""
    return credential(request.user, session_key=session_key or "")


def _accounts(ids: Collection[int]) -> Collection[User]:
    return User.objects.filter(id__in=ids, is_active=True).select_related("plan")


def _tokens(among: Collection[Credential]) -> set[str]:
    digests = [each.key for each in among if each.kind == "token"]
    if not digests:
        return set()
    alive = AuthToken.objects.filter(Q(expiry=None) | Q(expiry__gt=timezone.now()), digest__in=digests)
    return set(alive.values_list("digest", flat=True))


def _sessions(among: Collection[Credential]) -> set[str]:
    keys = [each.key for each in among if each.kind == "session"]
    if not keys:
        return set()
    alive = Session.objects.filter(session_key__in=keys, expire_date__gt=timezone.now())
    return set(alive.values_list("session_key", flat=True))


def _holds(held: Credential, user: User | None, keys: Collection[str]) -> bool:
    if user is None or user.password != held.password or _is_smaller(user.plan, held.plan):
        return False
    if held.kind == "anonymous":
        return user.plan.name == settings.ANONYMOUS_PLAN
    return held.key in keys


def _allowances(plan: Plan) -> Allowances:
    values = ((field.name, getattr(plan, field.name)) for field in Plan._meta.concrete_fields)
    return tuple((name, _comparable(value)) for name, value in values if name not in ("id", "name"))


def _comparable(value: Any) -> Any:
    if isinstance(value, list) and all(isinstance(each, int | str) for each in value):
        return frozenset(value)
    return value if isinstance(value, bool | int) else ""


def _is_smaller(plan: Plan, than: Allowances) -> bool:
    """Whether it allows less of anything: a lower number, a No, a list with gaps."""
    now = dict(_allowances(plan))
    return any(
        not now[name] >= before
        for name, before in than
        if name in now and isinstance(now[name], type(before))
    )


def session_user(session_key: str) -> User | None:
    """Whose session it is; None where it is over, or the password behind it was changed."""
    session = SessionStore(session_key)
    user = (
        User.objects.select_related("plan").filter(id=session.get(SESSION_KEY) or 0, is_active=True).first()
    )
    if user is None or session.get(HASH_SESSION_KEY) != user.get_session_auth_hash():
        return None
    return user
