"""Doorbells of the housekeeping."""

from __future__ import annotations

from celery import shared_task

from processing.upkeep import orphans as engine
from uploads.intake import leftovers as door


@shared_task(name="drop_orphans")
def drop_orphans() -> None:
    engine.drop_orphans()


@shared_task(name="drop_old_events")
def drop_old_events() -> None:
    engine.drop_old_events()


@shared_task(name="drop_old_keys")
def drop_old_keys() -> None:
    door.drop_old_keys()


@shared_task(name="drop_left_uploads")
def drop_left_uploads() -> None:
    door.drop_left_uploads()
