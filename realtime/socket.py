"""What all sockets have in common: admission, answers to bad frames, limits, an end that leaves nothing."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

from channels.generic.websocket import AsyncWebsocketConsumer
from django.db import Error
from prometheus_client import Gauge

from realtime.admission import admissions
from realtime.hub import hub
from realtime.places import places

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

    from realtime.frames import Shown, Told

# Codes of a close; docs/asyncapi.yaml says which of them are final.
NO_CREDENTIALS, NOT_YOURS, TOO_MANY, TRY_AGAIN_LATER = 4401, 4404, 4429, 1013
SUBPROTOCOL = "imageapi"
SOCKETS = Gauge("imageapi_sockets", "Open sockets of this web server.", ["socket"])
_MAX_FRAMES_A_SECOND = 100


class Socket(AsyncWebsocketConsumer):
    """A socket of one account, fed by the hub.

    It is accepted before it is refused: a close before that reaches a browser only as 1006.
    """

    channel_layer_alias = "none: the hub listens for all"
    scope: dict[str, Any]

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        """The socket's whole life: however it ends, its place, its number and its followers' entry go."""
        self.owner_id: int | None = None
        self._second, self._frames = 0, 0
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._leave()

    async def dispatch(self, message: dict[str, Any]) -> None:
        try:
            await getattr(self, message["type"].replace(".", "_"))(message)
        except Error:
            await self.end(TRY_AGAIN_LATER)

    async def connect(self) -> None:
        await self.accept(SUBPROTOCOL if SUBPROTOCOL in self.scope.get("subprotocols", ()) else None)
        owner_id: int = self.scope["user"].id
        if not places.take(owner_id):
            await self.close(TOO_MANY)
            return
        self.owner_id = owner_id
        SOCKETS.labels(type(self).__name__).inc()
        admissions.enter(self.scope["credential"], self._revoked)
        await self.admitted(owner_id)

    async def admitted(self, owner_id: int) -> None:
        """The socket is open and belongs to this account."""
        raise NotImplementedError

    async def end(self, code: int) -> None:
        """Closes it; from here on it hears nothing and does nothing, whenever its client notices."""
        self._leave()
        await self.close(code)

    async def _revoked(self) -> None:
        await self.end(NO_CREDENTIALS)

    def _leave(self) -> None:
        if self.owner_id is None:
            return
        owner_id, self.owner_id = self.owner_id, None
        hub.leave(owner_id, self)
        admissions.leave(self.scope["credential"], self._revoked)
        places.give_back(owner_id)
        SOCKETS.labels(type(self).__name__).dec()

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
            await self.end(TOO_MANY)
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
