"""What all sockets have in common: admission, answers to bad frames, limits."""

from __future__ import annotations

import json
import time
from collections import Counter
from typing import TYPE_CHECKING, Any, ClassVar

from channels.generic.websocket import AsyncWebsocketConsumer
from django.conf import settings
from prometheus_client import Gauge

from realtime.hub import hub

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

    from realtime.frames import Shown, Told

NO_CREDENTIALS, NOT_YOURS, TOO_MANY = 4401, 4404, 4429
SUBPROTOCOL = "imageapi"
SOCKETS = Gauge("imageapi_sockets", "Open sockets of this web server.", ["socket"])
_MAX_FRAMES_A_SECOND = 100


class Socket(AsyncWebsocketConsumer):
    """A socket of one account, fed by the hub.

    It is accepted before it is refused: a close before that reaches a browser only as 1006.
    """

    channel_layer_alias = "none: the hub listens for all"
    _open: ClassVar[Counter[int]] = Counter()  # by account, whatever they follow

    async def connect(self) -> None:
        self.owner_id: int | None = None
        self.job_id: UUID | None = None
        self._second, self._frames = 0, 0
        offered = self.scope.get("subprotocols", ())
        await self.accept(SUBPROTOCOL if SUBPROTOCOL in offered else None)
        user = self.scope["user"]
        if user is None:
            await self.close(NO_CREDENTIALS)
        elif self._open[user.id] >= settings.SOCKETS_PER_ACCOUNT:
            await self.close(TOO_MANY)
        else:
            self.owner_id = user.id
            self._open[user.id] += 1
            SOCKETS.labels(type(self).__name__).inc()
            await self.admitted()

    async def admitted(self) -> None:
        """The socket is open and belongs to `owner_id`."""
        raise NotImplementedError

    async def disconnect(self, code: int) -> None:
        if self.job_id is not None:
            hub.leave_job(self.job_id, self)
        if self.owner_id is not None:
            SOCKETS.labels(type(self).__name__).dec()
            self._open[self.owner_id] -= 1
            if not self._open[self.owner_id]:
                del self._open[self.owner_id]
            hub.leave_account(self.owner_id, self)

    async def tell(self, frame: dict[str, Any]) -> None:
        await self.send(text_data=json.dumps(frame))

    async def complain(self, code: str, detail: str) -> None:
        await self.tell({"type": "error", "code": code, "detail": detail})

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        if self.owner_id is None:
            return
        second = int(time.monotonic())
        self._frames = self._frames + 1 if second == self._second else 1
        self._second = second
        if self._frames > _MAX_FRAMES_A_SECOND:
            await self.close(TOO_MANY)
            return
        try:
            frame = json.loads(text_data or "")
        except (ValueError, RecursionError):
            await self.complain("bad_frame", "A frame is one JSON object as text.")
            return
        if not isinstance(frame, dict) or not isinstance(frame.get("type"), str):
            await self.complain("bad_frame", "A frame is a JSON object with a `type`.")
        else:
            await self.on_frame(frame)

    async def on_frame(self, frame: dict[str, Any]) -> None:
        await self.complain("unknown_type", "This socket takes no frames of this type.")

    async def on_events(self, events: Sequence[Told]) -> None:
        """Events of the job or the account that this socket follows, in order."""

    async def on_removed(self, images: Sequence[UUID]) -> None:
        """Images of the account that are gone."""

    async def on_restored(self, images: Sequence[Shown]) -> None:
        """Images of the account that were gone, and are there again."""
