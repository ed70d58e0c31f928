"""How every part of the service asks Redis: with a time limit, and once."""

from __future__ import annotations

import redis
from django.conf import settings
from redis.backoff import NoBackoff
from redis.retry import Retry


def connect(seconds: float = 2.0) -> redis.Redis:
    """A client that waits at most `seconds` for a connection or an answer, and does not try again by itself.

    Whoever asks has a way on without Redis: a frozen one must cost a moment, not a request.
    """
    return redis.Redis.from_url(
        settings.REDIS_URL,
        socket_timeout=seconds,
        socket_connect_timeout=seconds,
        retry=Retry(NoBackoff(), 0),
    )
