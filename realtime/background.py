"""Work that goes on in the event loop for as long as the process lives."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

logger = logging.getLogger(__name__)

_PAUSE = 1.0


class Background:
    """Some endless coroutines, each begun once; one that fails begins anew, and leaves the others alone."""

    def __init__(self, *works: Callable[[], Awaitable[None]]) -> None:
        self._works = works
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Begins them in the running event loop, where they do not run yet."""
        if not self._tasks:
            self._tasks = [asyncio.create_task(_forever(work)) for work in self._works]


async def _forever(work: Callable[[], Awaitable[None]]) -> None:
    while True:
        try:
            await work()
        except Exception:
            logger.exception("Background work failed; it begins anew.")
        await asyncio.sleep(_PAUSE)
