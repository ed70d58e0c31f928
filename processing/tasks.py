"""Doorbells: a task carries ids and rings; the house is elsewhere."""

from __future__ import annotations

import uuid
from typing import Any

from celery import shared_task
from celery.signals import worker_shutting_down

from processing.files import storage
from processing.jobs import deletion, fetches
from processing.remote import network
from processing.upkeep import sweeper
from processing.worker import derive, pipeline


@worker_shutting_down.connect
def let_go(**_: Any) -> None:
    """Other hosts are not waited for while the worker stops."""
    network.stop()


@shared_task(name="processing.tasks.process_images")
def process_images(ids: list[str]) -> None:
    pipeline.process([uuid.UUID(i) for i in ids])


@shared_task(name="processing.tasks.derive_images")
def derive_images(ids: list[str]) -> None:
    derive.process([uuid.UUID(i) for i in ids])


# Threads can't be interrupted, so an unfinished message can't go back: the lease brings the row back.
@shared_task(name="processing.tasks.fetch_image", acks_late=False)
def fetch_image(ids: list[str]) -> None:
    fetches.fetch(uuid.UUID(ids[0]))


@shared_task(name="processing.tasks.sweep")
def sweep() -> None:
    sweeper.sweep()


@shared_task(name="processing.tasks.purge")
def purge() -> None:
    deletion.purge()
    storage.drop_abandoned()
