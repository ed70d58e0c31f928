"""Signing in with name and password, with few attempts for each name at each address."""

from __future__ import annotations

import hashlib
import ipaddress
import unicodedata
from typing import TYPE_CHECKING

from django.contrib.admin.forms import AdminAuthenticationForm
from django.contrib.auth import authenticate
from django.core.exceptions import ValidationError

from processing.accounts.models import User
from uploads.access import devices
from uploads.api import throttling
from uploads.intake.refusals import Refused

if TYPE_CHECKING:
    from django.http import HttpRequest

_WINDOW = 300
FOR_A_NAME, FOR_AN_ADDRESS, FOR_A_NAME_ANYWHERE = 10, 100, 1000

Counter = tuple[str, str, int]


def _counters(request: HttpRequest, username: str) -> list[Counter]:
    """What counts an attempt: what for, under which name, how many.

    A name is counted at each address by itself, so that guesses from elsewhere leave its owner alone. Guesses
    from very many addresses at once would not: then the browsers at which the owner has signed in still are
    let in, because they count for themselves.
    """
    name, address = _spelled(username), _network(request)
    if device := devices.known(request, _digest(name)):
        return [("name at this browser", f"device:{device}", FOR_A_NAME)]
    return [
        ("address", f"address:{address}", FOR_AN_ADDRESS),
        ("name from this address", f"name:{address} {name}", FOR_A_NAME),
        ("name", f"name:{name}", FOR_A_NAME_ANYWHERE),
    ]


def admit(request: HttpRequest, username: str) -> None:
    """Counts an attempt before the password is looked at, so that guesses sent at once count too.

    Raises Refused with 429.
    """
    for what, counted, limit in _counters(request, username):
        rate = throttling.count(_key(counted), limit, _WINDOW)
        if rate is not None and not rate.admitted:
            detail = f"More than {limit} attempts to sign in for this {what} in {_WINDOW // 60} minutes."
            raise Refused(429, "too_many_attempts", detail, retry_after=rate.wait, limit=limit)


def succeeded(request: HttpRequest, username: str) -> None:
    """Who knows the password begins anew. Address and name get this attempt back and no more: else who has
    one account could guess at all others, and each sign-in of its owner would give guessers new tries.
    """
    for _, counted, limit in _counters(request, username):
        if limit == FOR_A_NAME:
            throttling.forget(_key(counted))
        else:
            throttling.take_back(_key(counted))


def trust_device(request: HttpRequest, username: str) -> None:
    """The browser of this request is let in from now on, whoever guesses at the name elsewhere."""
    devices.trust(request, _digest(_spelled(username)))


def sign_in(request: HttpRequest, username: str, password: str) -> User:
    """Raises Refused: 401 where name and password do not belong together, 429 after too many attempts."""
    admit(request, username)
    user = authenticate(request, username=username, password=password)
    if not isinstance(user, User):
        raise Refused(401, "invalid_credentials", "This name and password do not belong together.")
    succeeded(request, username)
    return user


def _network(request: HttpRequest) -> str:
    """The client's address; of IPv6 the /64, of which every client has as many addresses as it likes."""
    text = str(request.META.get("REMOTE_ADDR", ""))
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return text
    address = getattr(address, "ipv4_mapped", None) or address
    return str(ipaddress.ip_network((address, 64), strict=False)) if address.version == 6 else str(address)


def _spelled(username: str) -> str:
    """Spellings that Django takes for one name count as one."""
    return unicodedata.normalize("NFKC", username).casefold()


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()


def _key(counted: str) -> str:
    """Fixed in length whatever was sent."""
    return f"signin:{_digest(counted)}"


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
        trust_device(self.request, username)
        return cleaned
