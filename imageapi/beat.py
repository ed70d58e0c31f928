"""Beat, which does not fill a queue that nobody empties, and leaves a trace that it lives."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Any

from celery.beat import PersistentScheduler
from django.db import Error, connection
from kombu.exceptions import OperationalError

from processing.models import Pulse

if TYPE_CHECKING:
    from celery.beat import ScheduleEntry

logger = logging.getLogger(__name__)

# More than there are periodic tasks: each of them is there, or has been taken lately.
_MOST = 20
_PULSE_SECONDS = 5.0


class Scheduler(PersistentScheduler):
    """Celery's own, but for a queue in which enough waits: what has expired lies there until it is taken."""

    _noted = float("-inf")

    def tick(self, *args: Any, **kwargs: Any) -> float:
        """Notes its pulse in the database, now and then; without a database it goes on."""
        seconds: float = super().tick(*args, **kwargs)
        if time.monotonic() - self._noted >= _PULSE_SECONDS:
            self._noted = time.monotonic()
            try:
                Pulse.objects.beat("beat")
            except Error:
                connection.close()
        return min(seconds, _PULSE_SECONDS)

    def apply_async(
        self, entry: ScheduleEntry, producer: Any = None, advance: bool = True, **kwargs: Any
    ) -> Any:
        queue = (entry.options or {}).get("queue", self.app.conf.task_default_queue)
        if self._waiting(queue) < _MOST:
            return super().apply_async(entry, producer=producer, advance=advance, **kwargs)
        logger.warning("Nobody takes what waits in %s; %s is left out this time.", queue, entry.name)
        if advance:
            self.reserve(entry)
        return None

    def _waiting(self, queue: str) -> int:
        try:
            channel: Any = self.connection.default_channel
            declared = channel.queue_declare(queue, durable=True, auto_delete=False)
            return int(declared.message_count)
        except (OperationalError, OSError):
            return 0  # sending says what is wrong
