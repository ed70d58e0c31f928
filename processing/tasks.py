"""Doorbells: a task carries ids and rings; the house is elsewhere."""

from __future__ import annotations

import uuid

from celery import shared_task

from processing import deriving, pipeline, sweeper, trash


@shared_task(name="processing.tasks.process_images")
def process_images(ids: list[str]) -> None:
    pipeline.process([uuid.UUID(i) for i in ids])


@shared_task(name="processing.tasks.derive_images")
def derive_images(ids: list[str]) -> None:
    deriving.process([uuid.UUID(i) for i in ids])


@shared_task(name="processing.tasks.sweep")
def sweep() -> None:
    sweeper.sweep()


@shared_task(name="processing.tasks.purge")
def purge() -> None:
    trash.purge()
