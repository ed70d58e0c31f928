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
app.conf.beat_schedule = {
    # Expires with the next one: a queue that stood still does not fill with rounds nobody needs.
    "sweep": {"task": "processing.tasks.sweep", "schedule": 2.0, "options": {"expires": 4}},
    "purge": {"task": "processing.tasks.purge", "schedule": 3600.0, "options": {"expires": 3600}},
}
app.autodiscover_tasks()
worker_process_init.connect(pool.guard)
