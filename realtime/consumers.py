"""The sockets: one for an account's uploads, one for a job."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import parse_qs
from uuid import UUID

from processing.models import Job
from processing.news.logs import JobLog, is_kept, snapshot_text
from processing.plumbing.reader import reader
from realtime.frames import missed
from realtime.hub import hub
from realtime.socket import NOT_YOURS, Socket

if TYPE_CHECKING:
    from collections.abc import Sequence

    from realtime.frames import Told


class UploadSocket(Socket):
    """`/ws/upload/`: every image of the account that changes, as it does."""

    async def admitted(self, owner_id: int) -> None:
        await hub.follow(owner_id, self)
        await self.tell({"type": "connection", "status": "ok", "message": "You are connected!"})

    async def on_events(self, events: Sequence[Told]) -> None:
        for event in events:
            for text in event.notifications:
                await self.send(text_data=text)


class JobSocket(Socket):
    """`/ws/jobs/ID/`: where the job stands, or every event since one that the client names; then live."""

    async def admitted(self, owner_id: int) -> None:
        job_id: UUID = self.scope["url_route"]["kwargs"]["job_id"]
        if not await reader.ask(_is_own, job_id, owner_id):
            await self.end(NOT_YOURS)
            return
        self._log, self._seq = JobLog(owner_id, job_id), 0
        self._catching_up = True
        # Followed first, read second: nothing falls between the two.
        await hub.follow(owner_id, self, job_id)
        await self._begin(await self._since())
        await self._catch_up()

    async def _since(self) -> int | None:
        text = parse_qs(self.scope["query_string"].decode("ascii", "replace")).get("since", [""])[-1]
        if not text:
            return None
        if text.isascii() and text.isdigit() and len(text) < 10:
            return int(text)
        await self.complain("invalid", "`since` is the number of an event; here is a snapshot instead.")
        return None

    async def _begin(self, since: int | None) -> None:
        if since is not None and await reader.ask(is_kept, self._log, since):
            self._seq = since
            return
        self._seq, frame = await reader.ask(snapshot_text, self._log)
        await self.send(text_data=frame)

    async def _catch_up(self) -> None:
        """Sends what the log has by now; what is told meanwhile is in it, too, and one more look finds it."""
        while self._catching_up:
            self._told_meanwhile = False
            found = await reader.ask(missed, self._log, self._seq)
            await self._pass_on(found)
            self._catching_up = bool(found) or self._told_meanwhile

    async def on_events(self, events: Sequence[Told]) -> None:
        if self._catching_up:
            self._told_meanwhile = True
        else:
            await self._pass_on(events)

    async def _pass_on(self, events: Sequence[Told]) -> None:
        for event in events:
            if event.seq > self._seq:
                self._seq = event.seq
                await self.send(text_data=event.frame)


def _is_own(job_id: UUID, owner_id: int) -> bool:
    return Job.objects.filter(id=job_id, owner_id=owner_id).exists()
