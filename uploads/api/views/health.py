"""Whether this process lives, and whether the service can work."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import redis
from django.conf import settings
from django.core.files.storage import storages
from django.db import DatabaseError, connection
from django.http import HttpRequest, JsonResponse

from processing.files.proof import NAME
from processing.plumbing.redis_client import connect
from processing.upkeep import alive
from uploads.api.methods import SAFE, only

if TYPE_CHECKING:
    from collections.abc import Callable


@only(*SAFE)
def live(_request: HttpRequest) -> JsonResponse:
    return JsonResponse({"status": "ok", "version": settings.VERSION, "checks": {}})


@only(*SAFE)
def ready(_request: HttpRequest) -> JsonResponse:
    """200 where all checks are `ok`, else 503; each check says what is wrong."""
    checks = {name: _outcome(check) for name, check in CHECKS.items()}
    healthy = all(outcome == "ok" for outcome in checks.values())
    return JsonResponse(
        {"status": "ok" if healthy else "unavailable", "version": settings.VERSION, "checks": checks},
        status=200 if healthy else 503,
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
    return _heard_of("storage")


def _heard_of(part: str) -> str:
    complaint = alive.complaint(part)
    return f"failed: {complaint}" if complaint else "ok"


CHECKS: dict[str, Callable[[], str]] = {
    "database": _database,
    "queue": _queue,
    "storage": _storage,
    **{part: partial(_heard_of, part) for part in alive.PROCESSES},
}
