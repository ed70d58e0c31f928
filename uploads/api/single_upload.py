"""The wait of `POST /api/upload` for its pixels: here, in the event loop, not on a thread.

A thread that waited would keep everybody else out: with as many such uploads as threads, and no worker, the
service would not even answer that it is not ready.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.http import HttpResponse, JsonResponse

from processing.models import Status
from processing.news import push
from processing.news.representations import as_given
from uploads.api.problems import problem_response
from uploads.intake.refusals import Refused

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from uuid import UUID

    from rest_framework.request import Request

    from processing.news.representations import Gives, ImageShape

# Long enough for the largest image allowed; after that the answer is 202 and the job goes on.
PATIENCE = 30.0
_ABOUT_THE_BODY = {b"content-type", b"content-length", b"location", b"retry-after"}
_AWAITED = "imageapi.awaited"


@dataclass(frozen=True, slots=True)
class _Awaited:
    job_id: UUID
    plan: Gives


def wait_for(request: Request, job_id: UUID, plan: Gives) -> None:
    """Tells the middleware below that the answer is this job's outcome, as the plan shows it."""
    request._request.scope[_AWAITED] = _Awaited(job_id, plan)  # type: ignore[attr-defined]


def answer_with(image: ImageShape, plan: Gives) -> HttpResponse:
    """The answer to the single upload of a finished image."""
    if image["status"] == Status.COMPLETED:
        return JsonResponse(
            {
                "message": "Image uploaded successfully",
                "job_id": image["job_id"],
                "image": as_given(image, plan),
            },
            headers={"Location": f"/api/images/{image['id']}"},
        )
    error = image["error"] or {"code": image["status"], "detail": "It was cancelled."}
    return problem_response(Refused(422, error["code"], error["detail"], attr="image"))


class SingleUploadWait:
    """ASGI middleware: holds the view's 202 back until the job is finished, then answers with its outcome."""

    def __init__(self, app: Callable[..., Awaitable[Any]]) -> None:
        self.app = app

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        held: list[dict[str, Any]] = []

        async def hold(message: dict[str, Any]) -> None:
            if _AWAITED in scope:
                held.append(message)
            else:
                await send(message)

        await self.app(scope, receive, hold)
        awaited: _Awaited | None = scope.get(_AWAITED)
        if awaited is None:
            return
        image = await push.outcome(awaited.job_id, PATIENCE)
        for message in held if image is None else _instead(held[0], answer_with(image, awaited.plan)):
            await send(message)


def _instead(start: dict[str, Any], answer: HttpResponse) -> list[dict[str, Any]]:
    """The messages of `answer`, with what the view's headers say that is not about its own body."""
    headers = [(name, value) for name, value in start["headers"] if name.lower() not in _ABOUT_THE_BODY]
    headers += [
        (b"Content-Type", answer["Content-Type"].encode()),
        (b"Content-Length", str(len(answer.content)).encode()),
    ]
    if "Location" in answer:
        headers.append((b"Location", answer["Location"].encode()))
    return [
        {**start, "status": answer.status_code, "headers": headers},
        {"type": "http.response.body", "body": answer.content},
    ]
