"""Questions to the database, and the event loop's threads for them."""

from __future__ import annotations

import asyncio
import contextvars
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from django.db import InterfaceError, OperationalError, connection

if TYPE_CHECKING:
    from collections.abc import Callable

Asked = ParamSpec("Asked")
Found = TypeVar("Found")


class Reader:
    """A few threads that ask for the event loop, each with a connection that stays."""

    def __init__(self, name: str, threads: int) -> None:
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix=name)

    async def ask(self, question: Callable[Asked, Found], *args: Asked.args, **kwargs: Asked.kwargs) -> Found:
        """What `question` finds, as with `persistently`. Raises django.db.Error."""
        asking = partial(contextvars.copy_context().run, persistently, partial(question, *args, **kwargs))
        return await asyncio.get_running_loop().run_in_executor(self._threads, asking)


def persistently(question: Callable[[], Found]) -> Found:
    """What `question` finds; asked once more, on a new connection, where the kept one turns out to be broken.

    So the connection need not be asked first whether it works, which costs as much as a short question. For
    reading only, and in no transaction.
    """
    connection.health_check_done = True  # type: ignore[attr-defined]
    try:
        return question()
    except (OperationalError, InterfaceError):
        if connection.in_atomic_block:
            raise
        connection.close()
        return question()


# For whatever the event loop has to ask; what must not stand behind many has one of its own.
reader = Reader("reader", 4)
