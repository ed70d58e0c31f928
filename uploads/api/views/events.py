"""The logs of a job and of the account: as JSON, held back until there is news where asked, or as a stream.

What goes on after the answer of a view here is realtime's (realtime.answers.following).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

from rest_framework.renderers import BaseRenderer, JSONRenderer
from rest_framework.response import Response
from rest_framework.views import APIView

from processing.news.following import FOLLOW, Follow
from processing.news.logs import AccountLog, JobLog, Log
from processing.news.representations import event_frame
from uploads.api.admission.credentials import credential_of
from uploads.api.authentication import account
from uploads.api.pagination import number
from uploads.api.views.jobs import own_job

if TYPE_CHECKING:
    from rest_framework.request import Request

# A reader far behind gets its events in several answers.
_EVENTS = 500
_MOST = 2**62
_LONGEST_WAIT = 30


class EventStream(BaseRenderer):
    """What EventSource and `curl -N` ask for; its errors are the same problems as everywhere."""

    media_type = "text/event-stream"
    format = "event-stream"
    charset = None

    def render(self, data: Any, *args: Any, **kwargs: Any) -> bytes:
        return b":\n\n" if data is None else JSONRenderer().render(data)


class _EventsView(APIView):
    renderer_classes = [JSONRenderer, EventStream]

    def answer(self, request: Request, log: Log, *, job_id: UUID | None, start: int | None) -> Response:
        """`start` is where one begins who names no place."""
        since = _since(request, start)
        wait = number(request, "wait", 0, low=0, high=_LONGEST_WAIT)
        if request.accepted_renderer.format == EventStream.format:
            self._go_on(request, job_id, since, None)
            return Response(None)
        found = _found(log, since)
        if wait and not found["events"] and not self.is_over(log):
            self._go_on(request, job_id, found["seq"], wait)
        return Response(found)

    def is_over(self, log: Log) -> bool:
        """Whether nothing more will come."""
        return False

    def _go_on(self, request: Request, job_id: UUID | None, since: int | None, wait: int | None) -> None:
        if request.method == "GET":
            follow = Follow(account(request).id, job_id, since, credential_of(request), wait)
            request._request.scope[FOLLOW] = follow  # type: ignore[attr-defined]


class JobEventsView(_EventsView):
    """The job socket's very frames, for those without a socket."""

    def get(self, request: Request, job_id: UUID) -> Response:
        self.job = own_job(request, job_id)
        return self.answer(request, JobLog(self.job.owner_id, self.job.id), job_id=self.job.id, start=0)

    def is_over(self, log: Log) -> bool:
        return self.job.finished_at is not None


class EventsView(_EventsView):
    """The same of all jobs of the account, in one order."""

    def get(self, request: Request) -> Response:
        return self.answer(request, AccountLog(account(request).id), job_id=None, start=None)


def _since(request: Request, start: int | None) -> int | None:
    """The last event that the client has: EventSource says it in a header when it comes back."""
    last = request.headers.get("Last-Event-ID", "")
    if last:
        # No place of ours: it gets a snapshot, as one whose events are gone.
        return int(last) if last.isascii() and last.isdigit() and len(last) < 19 else _MOST
    if request.query_params.get("since"):
        return number(request, "since", 0, low=0, high=_MOST)
    return start


def _found(log: Log, since: int | None) -> dict[str, Any]:
    if since is None:
        return {"events": [], "seq": log.end()}
    rows = list(log.after(since)[:_EVENTS])
    places = [getattr(row, log.place) for row in rows] or [log.end()]
    if places[0] > since + bool(rows):  # what came before it is gone
        place, frame = log.snapshot()
        return {"events": [frame], "seq": place}
    return {"events": [event_frame(row) for row in rows], "seq": places[-1]}
