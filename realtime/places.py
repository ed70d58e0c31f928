"""How many sockets and streams an account has open at this web server, under one limit."""

from __future__ import annotations

from collections import Counter

from django.conf import settings


class Places:
    """Lives in the event loop."""

    def __init__(self) -> None:
        self._taken: Counter[int] = Counter()

    def take(self, owner_id: int) -> bool:
        """False where the account has no more."""
        if self._taken[owner_id] >= settings.SOCKETS_PER_ACCOUNT:
            return False
        self._taken[owner_id] += 1
        return True

    def give_back(self, owner_id: int) -> None:
        self._taken[owner_id] -= 1
        if self._taken[owner_id] <= 0:
            del self._taken[owner_id]


places = Places()
