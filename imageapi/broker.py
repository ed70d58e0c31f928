"""Celery's Redis transport, with messages that are let go of also where Redis is away.

kombu takes a message off its list of unacknowledged ones only after Redis has taken the acknowledgement.
Where that fails, because Redis restarts at this very moment, Celery logs it and goes on, but the message
counts against the prefetch limit for ever: a worker all of whose processes were busy asks for no other one.

Here it is let go of either way. Redis gives it out again after its visibility timeout, if it still knows it;
a message is a hint, and finds nothing left to do.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from kombu.transport import TRANSPORT_ALIASES, redis, virtual
from redis.exceptions import RedisError

if TYPE_CHECKING:
    from collections.abc import MutableMapping

logger = logging.getLogger(__name__)


class _QoS(redis.QoS):
    def ack(self, delivery_tag: str) -> None:
        try:
            super().ack(delivery_tag)
        except (RedisError, OSError) as error:
            self._let_go(delivery_tag, error)

    def reject(self, delivery_tag: str, requeue: bool = False) -> None:
        try:
            super().reject(delivery_tag, requeue=requeue)
        except (RedisError, OSError) as error:
            self._let_go(delivery_tag, error)

    def _let_go(self, delivery_tag: str, error: Exception) -> None:
        logger.warning("Redis did not take an acknowledgement, the message may come again: %s", error)
        virtual.QoS.ack(self, delivery_tag)


class _Channel(redis.Channel):
    QoS = _QoS


class Transport(redis.Transport):
    """Celery's `redis://`, `rediss://` and `redis+socket://`."""

    Channel = _Channel


def url(named: str) -> str:
    """The address of the broker as Celery wants it."""
    return named.replace("unix://", "redis+socket://", 1).replace("?db=", "?virtual_host=")


def transport_options(named: str) -> dict[str, Any]:
    """What the transport is told; an AMQP connection takes its time limit from Celery's own setting."""
    if not named.startswith(("redis", "unix")):
        return {}
    return {
        "visibility_timeout": 1800,
        "socket_timeout": 2.0,
        "socket_connect_timeout": 2.0,
        "socket_keepalive": True,
        "queue_order_strategy": "priority",  # a worker drains its queues in the order of its -Q
        "priority_steps": [0],
    }


# What this process was given and does not read, for whoever tells of it later.
forgotten: set[str] = set()


def forget_celerys_own(environ: MutableMapping[str, str]) -> list[str]:
    """Removes the variables by which Celery takes another broker than the settings say; returns their names.

    Half of the service would send where nobody listens: IMAGEAPI_BROKER_URL is the one that counts.
    """
    names = ("CELERY_BROKER_URL", "CELERY_BROKER_READ_URL", "CELERY_BROKER_WRITE_URL")
    found = [name for name in names if environ.pop(name, None) is not None]
    forgotten.update(found)
    return found


def register() -> None:
    """Makes this the transport of Redis addresses; kombu looks for one by the scheme alone."""
    for scheme in ("redis", "rediss"):
        TRANSPORT_ALIASES[scheme] = f"{__name__}:Transport"
