"""Answers that go on after their view is done: a long poll held until there is news, a stream of events.

Both live in the event loop, behind Django: it has authenticated and counted the request and set its headers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from processing.news.following import FOLLOW, Follow
from realtime.answers.long_poll import LongPoll
from realtime.answers.stream import Stream

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from realtime.answers.answer import Refuse

Message = dict[str, Any]


class Following:
    """ASGI middleware. `refuse` makes the answer to who may not go on."""

    def __init__(self, app: Callable[..., Awaitable[Any]], refuse: Refuse) -> None:
        self.app = app
        self.refuse = refuse

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        held: list[Message] = []

        async def hold(message: Message) -> None:
            if FOLLOW in scope:
                held.append(message)
            else:
                await send(message)

        await self.app(scope, receive, hold)
        follow: Follow | None = scope.get(FOLLOW)
        if follow is None:
            return
        kind = Stream if follow.wait is None else LongPoll
        await kind(follow, held, receive, send, self.refuse).run()
