"""The project that wires uploads, processing and realtime together."""

from imageapi.celery import app as celery_app

__all__ = ["celery_app"]
