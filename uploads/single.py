"""The wait of `POST /api/upload` for its pixels: here, in the event loop, not on a thread.

A thread that waited would keep everybody else out: with as many such uploads as threads, and no worker, the
service would not even answer that it is not ready.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

from channels.db import database_sync_to_async
from django.http import HttpResponse, JsonResponse

from processing.announce import finished
from processing.models import Image, Status
from processing.shapes import image_shape
from uploads.problems import Refused, problem_response

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

# The view's word to this middleware; it never leaves the server.
WAIT_FOR = "X-Wait-For-Job"
# Long enough for the largest image allowed; after that the answer is 202 and the job goes on.
PATIENCE = 30.0
_ABOUT_THE_BODY = {b"content-type", b"content-length", b"location", b"retry-after", WAIT_FOR.lower().encode()}


def only_image(job_id: UUID) -> Image:
    """The image of a single upload's job, with its owner's plan."""
    return Image.objects.select_related("owner__plan").get(job_id=job_id)


def outcome(image: Image) -> HttpResponse:
    """The answer to the single upload of a finished image."""
    if image.status == Status.COMPLETED:
        return JsonResponse(
            {
                "message": "Image uploaded successfully",
                "job_id": str(image.job_id),
                "image": image_shape(image, image.owner.plan),
            }
        )
    return problem_response(
        Refused(
            422, image.error_code or image.status, image.error_detail or "It was cancelled.", attr="image"
        )
    )


class SingleUploadWait:
    """ASGI middleware: holds the view's 202 back until the job is finished, then answers with its outcome."""

    def __init__(self, app: Callable[..., Awaitable[Any]]) -> None:
        self.app = app

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        if scope["method"] != "POST" or scope["path"].rstrip("/") != "/api/upload":
            await self.app(scope, receive, send)
            return
        held = _Held(send)
        await self.app(scope, receive, held.send)
        if held.job_id is not None:
            done = await finished(held.job_id, PATIENCE)
            await held.release(await database_sync_to_async(_outcome_of)(held.job_id) if done else None)


def _outcome_of(job_id: UUID) -> HttpResponse:
    return outcome(only_image(job_id))


class _Held:
    """An answer that is kept back where the view asks to wait."""

    def __init__(self, send: Callable[[dict[str, Any]], Awaitable[None]]) -> None:
        self._send = send
        self._messages: list[dict[str, Any]] = []
        self.job_id: UUID | None = None

    async def send(self, message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            wait_for = dict(message["headers"]).get(WAIT_FOR.encode())
            self.job_id = UUID(wait_for.decode()) if wait_for else None
        if self.job_id is None:
            await self._send(message)
        else:
            self._messages.append(message)

    async def release(self, answer: HttpResponse | None) -> None:
        """Sends the outcome, or what the view said, where there is none yet."""
        start, *rest = self._messages
        headers = [(name, value) for name, value in start["headers"] if name != WAIT_FOR.encode()]
        if answer is None:
            await self._send({**start, "headers": headers})
            for message in rest:
                await self._send(message)
            return
        headers = [(name, value) for name, value in headers if name.lower() not in _ABOUT_THE_BODY]
        headers += [
            (b"Content-Type", answer["Content-Type"].encode()),
            (b"Content-Length", str(len(answer.content)).encode()),
        ]
        await self._send({**start, "status": answer.status_code, "headers": headers})
        await self._send({"type": "http.response.body", "body": answer.content})
