"""Signing in with name and password, with few attempts for each name and each address."""

from __future__ import annotations

import hashlib
import unicodedata
from typing import TYPE_CHECKING

from django.contrib.admin.forms import AdminAuthenticationForm
from django.contrib.auth import authenticate
from django.core.exceptions import ValidationError

from processing.accounts.models import User
from uploads.api import throttling
from uploads.intake.refusals import Refused

if TYPE_CHECKING:
    from django.http import HttpRequest

_WINDOW = 300
FOR_A_NAME, FOR_AN_ADDRESS = 10, 100


def admit(request: HttpRequest, username: str) -> None:
    """Counts an attempt before the password is looked at, so that guesses sent at once count too.

    Raises Refused with 429.
    """
    limited = (("address", _address(request), FOR_AN_ADDRESS), ("name", username, FOR_A_NAME))
    for what, value, limit in limited:
        rate = throttling.count(_counter(what, value), limit, _WINDOW)
        if rate is not None and not rate.admitted:
            detail = f"More than {limit} attempts to sign in for this {what} in {_WINDOW // 60} minutes."
            raise Refused(429, "too_many_attempts", detail, retry_after=rate.wait, limit=limit)


def succeeded(request: HttpRequest, username: str) -> None:
    """Who knows the password begins anew. The address gets this attempt back and no more: else who has one
    account could guess at all others.
    """
    throttling.forget(_counter("name", username))
    throttling.take_back(_counter("address", _address(request)))


def sign_in(request: HttpRequest, username: str, password: str) -> User:
    """Raises Refused: 401 where name and password do not belong together, 429 after too many attempts."""
    admit(request, username)
    user = authenticate(request, username=username, password=password)
    if not isinstance(user, User):
        raise Refused(401, "invalid_credentials", "This name and password do not belong together.")
    succeeded(request, username)
    return user


def _address(request: HttpRequest) -> str:
    return str(request.META.get("REMOTE_ADDR", ""))


def _counter(what: str, value: str) -> str:
    """Fixed in length whatever was sent; spellings that Django takes for one name count as one."""
    spelled = unicodedata.normalize("NFKC", value).casefold()
    return f"signin:{what}:{hashlib.sha256(spelled.encode('utf-8', 'replace')).hexdigest()}"


class SignInForm(AdminAuthenticationForm):
    """The admin's form, under the same limits."""

    def clean(self) -> dict[str, object]:
        assert self.request is not None
        username = str(self.cleaned_data.get("username", ""))
        try:
            admit(self.request, username)
        except Refused as refusal:
            raise ValidationError(str(refusal.detail), code=refusal.code) from refusal
        cleaned = super().clean()
        succeeded(self.request, username)
        return cleaned
