"""Celery's beat, which leaves a trace that it lives."""

from __future__ import annotations

import time
from typing import Any

from celery.beat import PersistentScheduler
from django.db import DatabaseError, connection

from processing.models import Pulse

_EVERY = 5.0


class Clock(PersistentScheduler):
    """Notes its pulse in the database between two tasks; without a database it goes on."""

    _noted = float("-inf")

    def tick(self, *args: Any, **kwargs: Any) -> float:
        seconds: float = super().tick(*args, **kwargs)
        if time.monotonic() - self._noted >= _EVERY:
            self._noted = time.monotonic()
            try:
                Pulse.objects.beat("beat")
            except DatabaseError:
                connection.close()
        return min(seconds, _EVERY)
