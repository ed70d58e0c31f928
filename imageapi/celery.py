"""The Celery application: two queues, one beat."""

import os

from celery import Celery
from celery.signals import worker_process_init
from kombu import Exchange, Queue

from imageapi import pool

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
# Expires with the next one: a queue that stood still does not fill with rounds nobody needs.
_HOURLY = {"schedule": 3600.0, "options": {"expires": 3600, "queue": "bulk"}}
app.conf.beat_schedule = {
    "sweep": {"task": "processing.tasks.sweep", "schedule": 2.0, "options": {"expires": 4}},
    "purge": {"task": "processing.tasks.purge", **_HOURLY},
    "drop-orphans": {"task": "imageapi.tasks.drop_orphans", **_HOURLY},
    "drop-old-events": {"task": "imageapi.tasks.drop_old_events", **_HOURLY},
    "drop-old-keys": {"task": "imageapi.tasks.drop_old_keys", **_HOURLY},
    "drop-left-uploads": {"task": "imageapi.tasks.drop_left_uploads", **_HOURLY},
}
app.autodiscover_tasks()
worker_process_init.connect(pool.guard)
