"""The address of a receiver, as a client gives it."""

from __future__ import annotations

from rest_framework.serializers import ValidationError

from processing.remote.network import FetchFailed
from processing.remote.web_addresses import checked_url

MOST = 2000


def checked_webhook_url(url: str) -> None:
    """Raises ValidationError for one that can never be called; what its name resolves to is checked later,
    each time it is called.
    """
    if not url:
        return
    if len(url) > MOST:
        raise ValidationError(f"An address has at most {MOST} characters.", code="max_length")
    try:
        checked_url(url)
    except FetchFailed as error:
        blocked = "This address is not one that may be called."
        detail = blocked if error.code == "blocked_address" else error.detail
        raise ValidationError(detail, code=error.code) from error
