"""Requests a minute, as the account's plan allows, counted in a sliding window in Redis.

Where Redis does not answer, everybody is let in: a limit protects the service, and must not be what stops it.
Headers after draft-ietf-httpapi-ratelimit-headers-10.
"""

from __future__ import annotations

import logging
import math
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import redis
from rest_framework.throttling import BaseThrottle

from processing.accounts.models import User
from processing.plumbing.circuit_breaker import CircuitBreaker
from processing.plumbing.redis_client import connect
from uploads.intake.refusals import Refused

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.http import HttpRequest, HttpResponseBase
    from rest_framework.request import Request
    from rest_framework.views import APIView

logger = logging.getLogger(__name__)

MINUTE = 60
_breaker = CircuitBreaker(5.0)

# Two counters, of this window and of the one before, weighted by how much of it still lies in the sliding
# one. Redis' own clock: the web servers need not agree on the time. A refused request counts for nothing, so
# a client that hammers gets its share all the same. Seconds come as text: numbers would lose their fraction.
_ADMIT = """
local now = redis.call('TIME')
local seconds = tonumber(now[1]) + tonumber(now[2]) / 1000000
local length, limit = tonumber(ARGV[1]), tonumber(ARGV[2])
local window = math.floor(seconds / length)
local elapsed = seconds - window * length
local kept = redis.call('HMGET', KEYS[1], 'window', 'current', 'previous')
local last = tonumber(kept[1])
local current, previous = tonumber(kept[2]) or 0, tonumber(kept[3]) or 0
if last == window - 1 then current, previous = 0, current
elseif last ~= window then current, previous = 0, 0 end
local admitted = 0
if previous * (1 - elapsed / length) + current + 1 <= limit then
    admitted, current = 1, current + 1
    redis.call('HSET', KEYS[1], 'window', window, 'current', current, 'previous', previous)
    redis.call('EXPIRE', KEYS[1], 2 * length)
end
return {admitted, current, previous, tostring(elapsed)}
"""

_TAKE_BACK = """
if (tonumber(redis.call('HGET', KEYS[1], 'current')) or 0) > 0 then
    redis.call('HINCRBY', KEYS[1], 'current', -1)
end
"""


@dataclass(frozen=True, slots=True)
class Rate:
    """Where a caller stands: admitted or not, with what the two windows have counted."""

    admitted: bool
    limit: int
    current: int
    previous: int
    elapsed: float
    length: int = MINUTE

    @property
    def remaining(self) -> int:
        """Requests that would be admitted now."""
        weighted = self.previous * (1 - self.elapsed / self.length)
        return max(0, math.floor(self.limit - self.current - weighted))

    @property
    def wait(self) -> int:
        """Whole seconds, from 1, after which one more request is admitted if no other comes."""
        left = self.length - self.elapsed
        room = self.limit - self.current - 1
        if room >= 0:
            seconds = self._faded(self.previous, room) - self.elapsed
        else:
            seconds = left + self._faded(self.current, self.limit - 1)
        return max(1, math.ceil(seconds))

    def _faded(self, counted: int, room: int) -> float:
        """Seconds into a window after which the one before, with `counted`, weighs no more than `room`."""
        return self.length * (1 - room / counted) if counted > room else 0.0

    @property
    def headers(self) -> dict[str, str]:
        reset = math.ceil(self.length - self.elapsed)
        return {
            "RateLimit-Policy": f'"default";q={self.limit};w={self.length}',
            "RateLimit": f'"default";r={self.remaining};t={reset}',
        }


@cache
def _client() -> redis.Redis:
    return connect(0.5)


@cache
def _script(text: str) -> Any:
    return _client().register_script(text)


def _key(name: str) -> str:
    return f"imageapi:rate:{name}"


def forget(name: str) -> None:
    """Starts counting under `name` anew."""
    with suppress(redis.RedisError):
        _client().delete(_key(name))


def take_back(name: str) -> None:
    """Uncounts one."""
    with suppress(redis.RedisError):
        _script(_TAKE_BACK)(keys=[_key(name)])


def count(name: str, limit: int, seconds: int = MINUTE) -> Rate | None:
    """Counts one more under `name` where `limit` a window of `seconds` admits it; None without Redis."""
    if _breaker.open:
        return None
    try:
        admitted, current, previous, elapsed = _script(_ADMIT)(keys=[_key(name)], args=[seconds, limit])
    except redis.RedisError as error:
        _breaker.trip()
        logger.warning("Redis does not answer; no limits for a few seconds: %s", error)
        return None
    return Rate(bool(admitted), limit, current, previous, float(elapsed), seconds)


class PlanThrottle(BaseThrottle):
    """Counts the requests of each account against its plan. Raises Refused with 429."""

    def allow_request(self, request: Request, view: APIView) -> bool:
        user = request.user
        if not isinstance(user, User):
            return True
        rate = count(f"account:{user.id}", user.plan.requests_per_minute)
        if rate is None:
            return True
        request._request.rate_limit = rate  # type: ignore[attr-defined]
        if not rate.admitted:
            raise _refusal(rate, user)
        return True


def _refusal(rate: Rate, user: User) -> Refused:
    detail = f"The plan {user.plan.name} allows {rate.limit:,} requests a minute; this one is beyond them."
    counted = round(rate.current + rate.previous * (1 - rate.elapsed / rate.length)) + 1
    plan = user.plan.name
    return Refused(
        429, "rate_limited", detail, retry_after=rate.wait, limit=rate.limit, actual=counted, plan=plan
    )


class RateLimitHeaders:
    """Middleware: tells on every answer of a counted request where its account stands."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        rate = getattr(request, "rate_limit", None)
        if rate is not None:
            for name, value in rate.headers.items():
                response[name] = value
        return response
