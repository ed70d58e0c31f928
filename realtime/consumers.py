"""The sockets: one for an account's uploads, one for a job."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs
from uuid import UUID

from channels.db import database_sync_to_async

from processing.models import Event, Job
from processing.news.representations import error_shape, job_shape
from realtime.frames import Told
from realtime.hub import hub
from realtime.socket import NOT_YOURS, Socket

if TYPE_CHECKING:
    from collections.abc import Sequence

_MOST_REPLAYED = 5000
_REPLAYED_AT_ONCE = 20


class UploadSocket(Socket):
    """`/ws/upload/`: every image of the account that changes, as it does."""

    async def admitted(self) -> None:
        assert self.owner_id is not None
        hub.follow_account(self.owner_id, self)
        await self.tell({"type": "connection", "status": "ok", "message": "You are connected!"})

    async def on_events(self, events: Sequence[Told]) -> None:
        for event in events:
            for image in event.images:
                await self.tell(
                    {
                        "type": "send_upload_notification",
                        "job_id": image["job_id"],
                        "image_id": image["id"],
                        "name": image["name"],
                        "size": image["size"],
                        "status": image["status"],
                        "image": image["renditions"][0]["url"] if image["renditions"] else None,
                        "error": image["error"],
                    }
                )


class JobSocket(Socket):
    """`/ws/jobs/ID/`: where the job stands, or every event since one that the client names; then live."""

    async def admitted(self) -> None:
        self._seq = 0
        self._early: list[Told] | None = []
        job_id: UUID = self.scope["url_route"]["kwargs"]["job_id"]
        if not await database_sync_to_async(_is_own)(job_id, self.owner_id):
            await self.close(NOT_YOURS)
            return
        self.job_id = job_id
        # Followed first, read second: nothing falls between the two.
        await hub.follow_job(job_id, self)
        await self._catch_up(await self._since())
        early, self._early = self._early, None
        await self.on_events(early or [])

    async def _since(self) -> int | None:
        text = parse_qs(self.scope["query_string"].decode("ascii", "replace")).get("since", [""])[-1]
        if not text:
            return None
        if text.isascii() and text.isdigit() and len(text) < 10:
            return int(text)
        await self.complain("invalid", "`since` is the number of an event; here is a snapshot instead.")
        return None

    async def _catch_up(self, since: int | None) -> None:
        assert self.job_id is not None
        if since is None or not await database_sync_to_async(_is_kept)(self.job_id, since):
            snapshot = await database_sync_to_async(_snapshot)(self.job_id)
            self._seq = snapshot["seq"]
            await self.tell(snapshot)
            return
        self._seq = since
        # Some at a time: the log of a large job has megabytes, and many may ask for it at once.
        while missed := await database_sync_to_async(_missed)(self.job_id, self._seq):
            await self._pass_on(missed)

    async def on_events(self, events: Sequence[Told]) -> None:
        if self._early is not None:
            self._early.extend(events)
        else:
            await self._pass_on(events)

    async def _pass_on(self, events: Sequence[Told]) -> None:
        for event in events:
            if event.seq > self._seq:
                self._seq = event.seq
                await self.send(text_data=event.frame)


def _is_own(job_id: UUID, owner_id: int) -> bool:
    return Job.objects.filter(id=job_id, owner_id=owner_id).exists()


def _is_kept(job_id: UUID, since: int) -> bool:
    """Whether every event after `since` is still in the log, and `since` is a number of this job's."""
    seq = Job.objects.values_list("seq", flat=True).get(id=job_id)
    if not 0 <= seq - since <= _MOST_REPLAYED:
        return False
    return Event.objects.filter(job_id=job_id, seq__gt=since, seq__lte=seq).count() == seq - since


def _missed(job_id: UUID, since: int) -> list[Told]:
    return [Told.of(event) for event in Event.objects.after(job_id, since)[:_REPLAYED_AT_ONCE]]


def _snapshot(job_id: UUID) -> dict[str, Any]:
    # The job first: images read later can only be newer, and the events that made them so are still to come.
    job = Job.objects.get(id=job_id)
    rows = job.derivations if job.kind == Job.Kind.DERIVE else job.images
    names = ("index", "status", "error_code", "error_detail")
    ids = "image_id" if job.kind == Job.Kind.DERIVE else "id"
    return {
        "type": "job.snapshot",
        "seq": job.seq,
        "job": job_shape(job),
        "images": [
            {"id": str(image_id), "index": index, "status": status, "error": error_shape(code, detail)}
            for image_id, index, status, code, detail in rows.order_by("index").values_list(ids, *names)
        ],
    }
