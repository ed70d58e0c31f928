"""Doorbells of the accounts."""

from __future__ import annotations

from celery import shared_task

from uploads import upgrades


@shared_task(name="uploads.tasks.work_off_plan_changes")
def work_off_plan_changes() -> None:
    upgrades.work_off()
