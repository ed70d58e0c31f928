"""Whether this process lives, and whether the service can work."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import redis
from django.core.files.storage import storages
from django.db import DatabaseError, connection
from django.http import HttpRequest, JsonResponse
from django.utils import timezone

from processing.files.proof import NAME
from processing.models import Pulse
from processing.plumbing.redis_client import connect
from uploads.api.methods import SAFE, only

if TYPE_CHECKING:
    from collections.abc import Callable

_STALE = timedelta(seconds=30)


@only(*SAFE)
def live(_request: HttpRequest) -> JsonResponse:
    return JsonResponse({"status": "ok", "checks": {}})


@only(*SAFE)
def ready(_request: HttpRequest) -> JsonResponse:
    """200 where all checks are `ok`, else 503; each check says what is wrong."""
    checks = {name: _outcome(check) for name, check in CHECKS.items()}
    healthy = all(outcome == "ok" for outcome in checks.values())
    return JsonResponse(
        {"status": "ok" if healthy else "unavailable", "checks": checks}, status=200 if healthy else 503
    )


def _outcome(check: Callable[[], str]) -> str:
    try:
        return check()
    except (DatabaseError, redis.RedisError, OSError) as error:
        return f"failed: {type(error).__name__}"


def _database() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return "ok"


def _queue() -> str:
    client = connect()
    with client:
        # A write: a Redis that is full still answers a ping.
        client.set("imageapi:ready", 1, ex=60)
    return "ok"


def _storage() -> str:
    """Workers write to it; here, for whoever asks, it is only looked at."""
    if not storages["originals"].exists(NAME):
        return "failed: no worker has written to it"
    return _pulse("storage", "no worker could write to it for 30 s")


def _worker() -> str:
    return _pulse("sweep", "no worker has answered beat for 30 s")


def _fetcher() -> str:
    return _pulse("fetcher", "the fetcher has not answered beat for 30 s")


def _beat() -> str:
    return _pulse("beat", "beat has not been seen for 30 s")


def _pulse(name: str, otherwise: str) -> str:
    fresh = Pulse.objects.filter(name=name, beat_at__gte=timezone.now() - _STALE).exists()
    return "ok" if fresh else f"failed: {otherwise}"


CHECKS: dict[str, Callable[[], str]] = {
    "database": _database,
    "queue": _queue,
    "storage": _storage,
    "worker": _worker,
    "fetcher": _fetcher,
    "beat": _beat,
}
