"""The logs of a job and of the account, as JSON and as Server-Sent Events."""

from __future__ import annotations

from drf_spectacular.utils import OpenApiParameter

from processing.models import Status
from uploads.api.schema.components import COMPONENTS, COUNT, UUID, Shape, array, record, ref
from uploads.api.schema.describe import describe, operation, query
from uploads.api.schema.routes import NO_JOB
from uploads.api.views import events

_STANDING = record(
    {
        "id": UUID,
        "index": COUNT,
        "status": {"enum": [status.value for status in Status]},
        "error": {"anyOf": [ref("Error"), {"type": "null"}]},
    }
)
COMPONENTS.update(
    {
        "JobSnapshot": record(
            {
                "type": {"const": "job.snapshot"},
                "seq": COUNT,
                "job": ref("Job"),
                "images": array(_STANDING),
            },
            description="In place of events that are gone: how the job stands.",
        ),
        "AccountSnapshot": record(
            {"type": {"const": "account.snapshot"}, "position": COUNT, "jobs": array(ref("Job"))},
            description="In place of events that are gone: how the newest 100 jobs stand.",
        ),
        "Events": record(
            {
                "events": array(
                    {"anyOf": [ref("Event"), ref("JobSnapshot"), ref("AccountSnapshot")]},
                ),
                "seq": {**COUNT, "description": "The place of the last of them: the next `since`."},
            }
        ),
    }
)
_STREAM = (200, "text/event-stream")
_TEXT: Shape = {"type": "string", "description": "`id:` a place, `data:` a frame; comments in between."}
_ON_GOING = """With `Accept: text/event-stream` a stream of Server-Sent Events: each message's `id` is a place
of the log, its data one frame, the same as the sockets'; a comment every 15 seconds. Who comes back names the
last one by `Last-Event-ID` (EventSource does) or `since`, and misses nothing; where those events are gone, a
snapshot comes first. It ends with its credentials, and counts as a socket of the account."""


def _parameters(start: str) -> list[OpenApiParameter]:
    wait = {"type": "integer", "minimum": 0, "maximum": 30, "default": 0}
    return [
        query("since", {"type": "integer", "minimum": 0, "maximum": 2**62}, f"The last one heard. {start}"),
        query("wait", wait, "Seconds to wait for one, as JSON."),
        OpenApiParameter(
            "Last-Event-ID",
            {"type": "string"},
            OpenApiParameter.HEADER,
            description="The same as `since`; it goes first.",
        ),
    ]


_REFUSED = {
    400: {"invalid": "`wait` is a whole number from 0 to 30, not `31`."},
    401: {"credentials_ended": "The credentials of this request have ended."},
    429: {"too_many_sockets": "The account has as many sockets and streams open as it may have."},
}
describe(
    events.JobEventsView,
    get=operation(
        "jobs",
        "A job's events after one",
        {200: "Events", _STREAM: _TEXT},
        description=f"The frames of the job's socket, for those without one.\n\n{_ON_GOING}",
        parameters=_parameters("Left out: the beginning."),
        refusals=_REFUSED | NO_JOB,
    ),
)
describe(
    events.EventsView,
    get=operation(
        "jobs",
        "All jobs' events after one",
        {200: "Events", _STREAM: _TEXT},
        description=f"Those of all of the account's jobs, in one order with one place each.\n\n{_ON_GOING}",
        parameters=_parameters("Left out: none, only what is still to come."),
        refusals=_REFUSED,
    ),
)
