"""`GET /api/jobs/ID/events?wait=`: the request is held here until there is something to answer.

Held in the event loop, in front of Django: a waiting client keeps no thread and no connection.
"""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs
from uuid import UUID

from channels.db import database_sync_to_async

from processing.models import Job
from realtime.hub import hub

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from realtime.frames import Told

_EVENTS = re.compile(r"/api/jobs/([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})/events/?")
_LONGEST = 30


class LongPoll:
    """ASGI middleware. It only delays: what is answered, and to whom, the view behind it decides."""

    def __init__(self, app: Callable[..., Awaitable[Any]]) -> None:
        self.app = app

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> Any:
        match = _EVENTS.fullmatch(scope["path"]) if scope["method"] == "GET" else None
        if match:
            query = parse_qs(scope["query_string"].decode("ascii", "replace"))
            wait, since = _digits(query, "wait"), _digits(query, "since")
            if wait:
                await _wait_for_news(UUID(match[1]), since, min(wait, _LONGEST))
        return await self.app(scope, receive, send)


def _digits(query: dict[str, list[str]], name: str) -> int:
    text = query.get(name, [""])[-1]
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0


class _Bell:
    def __init__(self) -> None:
        self.rang = asyncio.Event()

    async def on_events(self, events: Sequence[Told]) -> None:
        self.rang.set()


async def _wait_for_news(job_id: UUID, since: int, seconds: int) -> None:
    bell = _Bell()
    await hub.follow_job(job_id, bell)
    try:
        if await database_sync_to_async(_is_quiet)(job_id, since):
            async with asyncio.timeout(seconds):
                await bell.rang.wait()
    except TimeoutError:
        pass
    finally:
        hub.leave_job(job_id, bell)


def _is_quiet(job_id: UUID, since: int) -> bool:
    """Whether the job has told nothing after `since`, and will still tell something."""
    return Job.objects.filter(id=job_id, seq__lte=since, finished_at=None).exists()
