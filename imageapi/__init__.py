"""The project that wires uploads, processing and realtime together."""

from imageapi.celery import app as celery_app

__version__ = "1.0.0"
__all__ = ["celery_app"]
