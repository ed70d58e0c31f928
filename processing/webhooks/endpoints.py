"""Receivers of an account's events, and the secrets that sign their messages."""

from __future__ import annotations

import base64
import logging
import secrets
from collections.abc import Sequence
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

from django.conf import settings
from django.core.mail import send_mail
from django.db import transaction
from django.db.models.functions import Now
from django.utils import timezone

from processing.accounts import quota
from processing.models import Delivery, Endpoint, SigningSecret
from processing.models.webhooks import Signing

if TYPE_CHECKING:
    from processing.models import User

logger = logging.getLogger(__name__)

MOST_ENDPOINTS = 20
# For so long after a renewal messages carry the signatures of both secrets.
OVERLAP = timedelta(hours=24)
_PREFIX = "whsec_"


class TooMany(Exception):
    """The account has as many receivers as it may."""


def new_secret() -> str:
    return _PREFIX + base64.b64encode(secrets.token_bytes(32)).decode()


def register(owner_id: int, url: str, events: Sequence[str]) -> Endpoint:
    """A receiver for an account's events, with its secret. Raises TooMany."""
    with transaction.atomic():
        quota.hold(owner_id)  # of two who count at once, one waits
        if Endpoint.objects.filter(owner_id=owner_id).count() >= MOST_ENDPOINTS:
            raise TooMany
        return Endpoint.objects.create(
            owner_id=owner_id, url=url, events=sorted(set(events)), secret=new_secret()
        )


def remove(endpoint: Endpoint) -> None:
    """No more messages to it, not even those that wait; what was sent stays in the log."""
    with transaction.atomic():
        if _locked(endpoint):
            _end_waiting(endpoint, "endpoint_removed")
            endpoint.delete()


def disable(endpoint: Endpoint, reason: str) -> None:
    """Tells it no more, and its account why. Call it in a transaction."""
    locked = _locked(endpoint)
    if locked is None or locked.disabled_at is not None:
        return
    Endpoint.objects.filter(id=endpoint.id).update(disabled_at=Now(), disabled_reason=reason)
    _end_waiting(endpoint, "endpoint_disabled")
    transaction.on_commit(partial(_tell_owner, endpoint.owner, endpoint.url, reason))


def enable(endpoint: Endpoint) -> None:
    Endpoint.objects.filter(id=endpoint.id).exclude(disabled_at=None).update(
        disabled_at=None, disabled_reason=""
    )


def _locked(endpoint: Endpoint) -> Endpoint | None:
    """Whoever is writing a message to it (outbox) is done, and nobody begins."""
    return Endpoint.objects.select_for_update().filter(id=endpoint.id).first()


def _end_waiting(endpoint: Endpoint, reason: str) -> None:
    waiting = Delivery.objects.filter(endpoint=endpoint, status=Delivery.Status.PENDING)
    waiting.update(
        status=Delivery.Status.FAILED, last_error=reason, finished_at=Now(), lease_until=None, gathers=False
    )


def _tell_owner(owner: User, url: str, reason: str) -> None:
    logger.warning("webhook endpoint disabled", extra={"account": owner.pk, "reason": reason})
    if not (settings.EMAIL_HOST and owner.email):
        return
    text = (
        f"Your webhook {url} is told no more: {reason}\n\n"
        "What waited for it is in the log of deliveries, and can be sent again from there. "
        "A test message that it takes (POST /api/webhooks/ID/test) enables it again.\n"
    )
    try:
        send_mail("A webhook was disabled", text, None, [owner.email])
    except OSError as error:
        logger.warning("A mail could not be sent: %s", error)


# Secrets


def renew(kept: Signing) -> str:
    """A new secret; for a day messages are signed with the one before as well."""
    secret = new_secret()
    with transaction.atomic():
        row = type(kept)._base_manager.select_for_update().get(pk=kept.pk)
        row.former_secret, row.former_until = row.secret, timezone.now() + OVERLAP
        row.secret = secret
        row.save(update_fields=["secret", "former_secret", "former_until"])
    return secret


def renew_of_account(owner_id: int) -> str:
    """The same for what signs the account's messages to the `webhook_url` of its jobs."""
    return renew(_of_account(owner_id))


def secrets_of(delivery: Delivery) -> list[str]:
    """What signs it now, the newest first."""
    kept = delivery.endpoint or _of_account(delivery.owner_id)
    former = [kept.former_secret] if kept.former_until and kept.former_until > timezone.now() else []
    return [kept.secret, *former]


def _of_account(owner_id: int) -> SigningSecret:
    kept, _ = SigningSecret.objects.get_or_create(owner_id=owner_id, defaults={"secret": new_secret()})
    return kept
