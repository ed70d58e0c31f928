"""Doorbells of the webhooks."""

from __future__ import annotations

from contextlib import suppress

from celery import shared_task

from processing.remote.network import Interrupted
from processing.webhooks import sending
from processing.webhooks.deliveries import purge as purge_deliveries


# The row is the truth: a sender that dies leaves its lease behind, and it runs out.
@shared_task(name="realtime.tasks.deliver", acks_late=False)
def deliver() -> None:
    with suppress(Interrupted):
        sending.deliver()


@shared_task(name="realtime.tasks.purge", acks_late=False)
def purge() -> None:
    purge_deliveries()
