"""The Celery application: two queues, one beat."""

import os
from typing import Any

from celery import Celery
from celery.signals import task_prerun
from django.db import close_old_connections
from kombu import Exchange, Queue

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "imageapi.settings")

app = Celery("imageapi")
app.config_from_object("django.conf:settings", namespace="CELERY")
# The nameless exchange routes by queue name alone. A named one keeps its bindings in Redis: emptied, it would
# refuse every message until each worker had restarted.
app.conf.task_queues = [
    Queue(name, Exchange(""), routing_key=name, durable=True) for name in ("interactive", "bulk")
]
app.conf.update(
    task_default_queue="interactive", task_default_exchange="", task_default_routing_key="interactive"
)
app.conf.beat_schedule = {
    # Expires with the next one: a queue that stood still does not fill with rounds nobody needs.
    "sweep": {"task": "processing.tasks.sweep", "schedule": 2.0, "options": {"expires": 4}},
    "plan-changes": {
        "task": "uploads.tasks.work_off_plan_changes",
        "schedule": 2.0,
        "options": {"expires": 4},
    },
    "purge": {"task": "processing.tasks.purge", "schedule": 3600.0, "options": {"expires": 3600}},
}
app.autodiscover_tasks()


@task_prerun.connect
def _check_connection(**_: Any) -> None:
    """Replaces a kept database connection that broke; Celery alone would make a new one for each task."""
    close_old_connections()
