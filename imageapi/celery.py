"""The Celery application: its queues, one beat."""

import os
import threading
import time
from typing import Any

from celery import Celery
from celery.signals import task_postrun, task_prerun, worker_process_init
from django.db import connections
from kombu import Exchange, Queue

from imageapi import broker, pool

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "imageapi.settings")

broker.register()
broker.forget_celerys_own(os.environ)
app = Celery("imageapi")
app.config_from_object("django.conf:settings", namespace="CELERY")
# The nameless exchange routes by queue name alone. A named one keeps its bindings in Redis: emptied, it would
# refuse every message until each worker had restarted.
app.conf.task_queues = [
    Queue(name, Exchange(""), routing_key=name, durable=True)
    for name in ("upkeep", "images", "derive", "webhooks", "fetch")
]
app.conf.update(task_default_queue="upkeep", task_default_exchange="", task_default_routing_key="upkeep")
# Expires with the next one: a queue that stood still does not fill with rounds nobody needs.
_HOURLY = {"schedule": 3600.0, "options": {"expires": 3600}}
app.conf.beat_schedule = {
    "sweep": {"task": "sweep", "schedule": 2.0, "options": {"expires": 4}},
    "plan-changes": {
        "task": "work_off_plan_changes",
        "schedule": 2.0,
        "options": {"expires": 4},
    },
    "deliver": {
        "task": "deliver_webhooks",
        "schedule": 2.0,
        "options": {"queue": "webhooks", "expires": 4},
    },
    "purge-deliveries": {
        "task": "purge_deliveries",
        "schedule": 3600.0,
        "options": {"queue": "webhooks", "expires": 3600},
    },
    "expire-uploads": {"task": "expire_uploads", "schedule": 60.0, "options": {"expires": 60}},
    "purge-deleted-images": {"task": "purge_deleted_images", **_HOURLY},
    "drop-orphans": {"task": "drop_orphans", **_HOURLY},
    "drop-old-events": {"task": "drop_old_events", **_HOURLY},
    "drop-old-keys": {"task": "drop_old_keys", **_HOURLY},
    "drop-left-uploads": {"task": "drop_left_uploads", **_HOURLY},
}
app.autodiscover_tasks()
worker_process_init.connect(pool.guard)


# A connection used so lately (s) is not asked whether it works: the pixels' tasks follow each other for as
# long as a batch lasts, and try again by themselves where it does not.
_FRESH = 1.0
_last = threading.local()


@task_prerun.connect
def _check_connection(**_: Any) -> None:
    """Replaces a kept database connection that broke; Celery alone would make a new one for each task."""
    for connection in connections.all(initialized_only=True):
        if connection.errors_occurred or time.monotonic() - getattr(_last, "used", 0.0) > _FRESH:
            connection.close_if_unusable_or_obsolete()


@task_postrun.connect
def _note_use(**_: Any) -> None:
    _last.used = time.monotonic()
