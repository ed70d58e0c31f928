"""Sends webhooks that are due, one receiver at a time for each sender."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from django.conf import settings
from django.utils import timezone
from standardwebhooks import Webhook

from processing.remote import http
from processing.remote.network import FetchFailed, Interrupted
from processing.webhooks import deliveries
from processing.webhooks.endpoints import secrets_of
from processing.webhooks.outbox import ring

if TYPE_CHECKING:
    from processing.models import Delivery

logger = logging.getLogger(__name__)


def deliver() -> int:
    """Sends what is due until nothing is; returns how many it sent.

    While it talks to one receiver, another sender, woken by this one, talks to the next.
    """
    sent = 0
    while delivery := deliveries.claim_due():
        if sent == 0 and deliveries.is_any_due():
            ring()
        send(delivery)
        sent += 1
    return sent


def send(delivery: Delivery) -> None:
    """One try. Whatever goes wrong counts as one, and ends it."""
    sent = headers(delivery)
    try:
        answer = http.post(delivery.url, delivery.body.encode(), sent, seconds=settings.WEBHOOK_SECONDS)
    except Interrupted:
        deliveries.release(delivery)
        raise
    except FetchFailed as error:
        logger.info("webhook=%s try=%d: %s", delivery.message_id, delivery.attempt, error.code)
        deliveries.settle(delivery, None, error.code, request_head=sent, answer_head=None)
        return
    except Exception:
        logger.exception("webhook=%s try=%d failed", delivery.message_id, delivery.attempt)
        deliveries.settle(delivery, None, "failed", request_head=sent, answer_head=None)
        return
    logger.info("webhook=%s try=%d: answered %d", delivery.message_id, delivery.attempt, answer.status)
    error = "" if 200 <= answer.status < 300 else "refused"
    heads = {"request_head": sent, "answer_head": answer.headers}
    deliveries.settle(delivery, answer.status, error, retry_after=answer.retry_after, **heads)


def headers(delivery: Delivery) -> dict[str, str]:
    """The Standard Webhooks headers of a try that is made now; during a renewal one signature a secret."""
    now = timezone.now()
    signatures = (
        Webhook(secret).sign(delivery.message_id, now, delivery.body) for secret in secrets_of(delivery)
    )
    return {
        "Content-Type": "application/json",
        "webhook-id": delivery.message_id,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": " ".join(signatures),
    }
