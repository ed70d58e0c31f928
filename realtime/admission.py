"""Ends what outlives its credentials: sockets, streams and held requests are asked about every two seconds.

One question for all of them, because thousands may share a process.
"""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Awaitable, Callable, Collection
from typing import Any, Protocol

from django.db import Error

from processing.plumbing.reader import reader
from realtime.background import Background

logger = logging.getLogger(__name__)

_LOOK_EVERY = 2.0
End = Callable[[], Awaitable[Any]]


class Credential(Protocol):
    """What let somebody in (uploads.api.admission.credentials); equal where it is the same."""

    def revoked(self, among: Collection[Any]) -> set[Any]:
        """Those of `among` that let nobody in any more."""


class Admissions:
    """Who is here, by what let them in. Lives in the event loop."""

    def __init__(self) -> None:
        self._ends: defaultdict[Credential, set[End]] = defaultdict(set)
        self._background = Background(self._look)

    def enter(self, credential: Credential, end: End) -> None:
        """From here on `end` is awaited once, soon after `credential` has been revoked."""
        self._background.start()
        self._ends[credential].add(end)

    def leave(self, credential: Credential, end: End) -> None:
        self._ends[credential].discard(end)
        if not self._ends[credential]:
            del self._ends[credential]

    async def _look(self) -> None:
        while True:
            await asyncio.sleep(_LOOK_EVERY)
            try:
                revoked = await self._revoked()
            except Error as error:
                logger.warning("Credentials can't be looked up; the next look will: %s", error)
                continue
            ends = [end for each in revoked for end in self._ends.get(each, ())]
            await asyncio.gather(*(end() for end in ends), return_exceptions=True)

    async def _revoked(self) -> set[Credential]:
        held = list(self._ends)
        return await reader.ask(held[0].revoked, held) if held else set()


async def is_revoked(credential: Credential) -> bool:
    """For what can't wait for the next look. Raises django.db.Error."""
    return bool(await reader.ask(credential.revoked, [credential]))


admissions = Admissions()
