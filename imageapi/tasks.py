"""Celery tasks: each carries ids at most, and calls one function."""

from __future__ import annotations

import uuid
from contextlib import suppress
from typing import Any

from celery import shared_task
from celery.signals import worker_process_init, worker_shutting_down

from processing.jobs import batches, deletion, fetches, plan_changes
from processing.models import Pulse
from processing.remote import network
from processing.upkeep import orphans, sweeper
from processing.webhooks import deliveries, sending
from processing.worker import backfill, derive, pipeline
from uploads.intake import leftovers
from uploads.resumable import expiry


@worker_shutting_down.connect
def let_go(**_: Any) -> None:
    """Other hosts are not waited for while the worker stops."""
    network.stop()


@worker_process_init.connect
def recover(**_: Any) -> None:
    """This process may be there because another died: what that had in hand is free again at once."""
    sweeper.recover_quietly()


@shared_task(name="work_images")
def work_images() -> None:
    pipeline.work()


@shared_task(name="derive_images")
def derive_images(ids: list[str]) -> None:
    derive.process([uuid.UUID(i) for i in ids])


@shared_task(name="hash_images")
def hash_images() -> None:
    backfill.hash_images()


# Threads can't be interrupted, so an unfinished message can't go back: the lease brings the row back.
@shared_task(name="fetch_images", acks_late=False)
def fetch_images() -> None:
    fetches.work()


# The row is the truth: a sender that dies leaves its lease behind, and it runs out.
@shared_task(name="deliver_webhooks", acks_late=False)
def deliver_webhooks() -> None:
    Pulse.objects.beat("fetcher")
    with suppress(network.Interrupted):
        sending.deliver()


@shared_task(name="sweep")
def sweep() -> None:
    sweeper.sweep()


@shared_task(name="work_off_plan_changes")
def work_off_plan_changes() -> None:
    plan_changes.work_off()


@shared_task(name="purge_deliveries", acks_late=False)
def purge_deliveries() -> None:
    deliveries.purge()


@shared_task(name="purge_deleted_images")
def purge_deleted_images() -> None:
    deletion.purge()


@shared_task(name="drop_orphans")
def drop_orphans() -> None:
    orphans.drop_orphans()


@shared_task(name="drop_old_events")
def drop_old_events() -> None:
    orphans.drop_old_events()


@shared_task(name="drop_old_keys")
def drop_old_keys() -> None:
    leftovers.drop_old_keys()


@shared_task(name="drop_left_uploads")
def drop_left_uploads() -> None:
    leftovers.drop_left_uploads()


@shared_task(name="expire_uploads")
def expire_uploads() -> None:
    expiry.expire()
    expiry.forget()
    expiry.drop_left_pieces()
    batches.close_left_open()
