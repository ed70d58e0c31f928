"""A DATABASE_URL as Django's settings want it."""

from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit


def from_url(url: str) -> dict[str, Any]:
    """Settings of one PostgreSQL database.

    `url`: `postgresql://user:password@host:port/name?option=value`; the query's options go to libpq as they
    are (`host=/run/postgresql` names a Unix socket's folder). `pgbouncer=1` is ours: it turns off what
    transaction pooling can't carry.
    """
    parts = urlsplit(url)
    options: dict[str, Any] = {"connect_timeout": "5", **dict(parse_qsl(parts.query))}
    pooled = options.pop("pgbouncer", "0") == "1"
    host = options.pop("host", None) or unquote(parts.hostname or "")
    if not pooled:
        # No statement of ours needs longer; one that does is stuck behind a lock and must let go.
        options.setdefault("options", "-c statement_timeout=30000 -c lock_timeout=10000")
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": unquote(parts.path.lstrip("/")),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": host,
        "PORT": str(parts.port or ""),
        "CONN_MAX_AGE": 600,
        "CONN_HEALTH_CHECKS": True,
        "DISABLE_SERVER_SIDE_CURSORS": pooled,
        "OPTIONS": options,
    }
