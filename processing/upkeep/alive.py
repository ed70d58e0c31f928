"""Which parts of the service have been heard of lately."""

from __future__ import annotations

from datetime import timedelta

from django.utils import timezone

from processing.models import Pulse

_STALE = timedelta(seconds=30)

# By part: the pulse that proves it, and what is said where that is old.
_PULSES = {
    "worker": ("sweep", "no worker has answered beat for 30 s"),
    "fetcher": ("fetcher", "no fetcher has answered beat for 30 s"),
    "beat": ("beat", "beat has not been seen for 30 s"),
    "storage": ("storage", "no worker could write to it for 30 s"),
}
PROCESSES = ("beat", "worker", "fetcher")


def complaint(part: str) -> str:
    """What is wrong with `part`; nothing where it has been heard of."""
    pulse, otherwise = _PULSES[part]
    fresh = Pulse.objects.filter(name=pulse, beat_at__gte=timezone.now() - _STALE).exists()
    return "" if fresh else otherwise
