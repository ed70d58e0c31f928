"""`/api/uploads`: each request goes to the door of the protocol that it speaks."""

from __future__ import annotations

import base64
from functools import partial
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.conf import settings
from django.http import HttpResponse, HttpResponseBase
from rest_framework.permissions import AllowAny
from rest_framework.response import Response

from processing.accounts.models import User
from processing.models import Image, Job, ResumableUpload
from uploads.api.authentication import account
from uploads.api.receipts import accepted, initiated
from uploads.api.single_upload import wait_for
from uploads.api.streamed_body import StreamsBody, length_of
from uploads.resumable import completion, draft, refusals, resource, tus
from uploads.resumable.appending import Transfer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from django.http import HttpRequest
    from rest_framework.request import Request

_OVERRIDES = ("PATCH", "DELETE", "HEAD")
_DRAFT_HEADERS = ("Upload-Complete", "Upload-Draft-Interop-Version")


def _speaks_draft(request: Any) -> bool:
    """Whether a request on an upload is of the IETF's protocol; reading and ending need no header of it."""
    if tus.is_spoken(request):
        return False
    if request.headers.get("Content-Type", "").startswith(draft.MEDIA_TYPE):
        return True
    return request.method in ("HEAD", "DELETE") or any(name in request.headers for name in _DRAFT_HEADERS)


def answer_draft(request: Request, status: int, upload: ResumableUpload) -> HttpResponseBase:
    """`status` with the offset; for a whole file what the address answers that it was created at."""
    owner = account(request)
    if upload.job_id is None:
        return draft.progress(owner, upload, status)
    job = Job.objects.filter(id=upload.job_id).first()
    image = Image.objects.filter(id=upload.image_id).first() if upload.image_id else None
    if job is None or image is None:
        raise refusals.expired()
    if upload.waits:
        wait_for(request, job.id, owner.plan)
    message = {"message": "Images upload initiated", "job_id": str(job.id)}
    response = initiated(job, {**message, "accepted": [accepted(image)], "rejected": []})
    return _with_outcome(response, upload, image)


def _with_outcome(response: Response, upload: ResumableUpload, image: Image) -> Response:
    digest = base64.b64encode(bytes.fromhex(image.checksum)).decode()
    headers = {
        "Upload-Complete": "?1",
        "Upload-Offset": str(upload.offset),
        "Repr-Digest": f"sha-256=:{digest}:",
        "Content-Location": f"/api/jobs/{upload.job_id}",
        "X-Image-Id": str(image.id),
    }
    for name, value in headers.items():
        response[name] = value
    return response


def create_draft(request: Request, *, waits: bool) -> HttpResponseBase | Transfer:
    """An upload by the IETF's protocol; `waits`: its last answer is that of `POST /api/upload`."""
    answer = partial(answer_draft, request, 201)
    return draft.create(request, account(request), length_of(request), answer, waits=waits)


def take(view: StreamsBody, request: Request, transfer: HttpResponseBase | Transfer) -> HttpResponseBase:
    """The answer, or the body first."""
    return view.receive(request, transfer) if isinstance(transfer, Transfer) else transfer


class _ResumableView(StreamsBody):
    """What both addresses share: discovery without credentials, each protocol's headers on every answer."""

    http_method_names = ["post", "head", "patch", "delete", "options"]
    most_body = settings.MAX_BODY_BYTES

    def get_permissions(self) -> Sequence[Any]:
        return [AllowAny()] if self.request.method == "OPTIONS" else super().get_permissions()

    def options(self, request: Any, *args: Any, **kwargs: Any) -> Any:
        owner = request.user if isinstance(request.user, User) else None
        return HttpResponse(status=204, headers={**tus.capabilities(owner), **draft.limits(owner)})

    def handle_exception(self, exc: Exception) -> Response:
        response = super().handle_exception(exc)
        if _speaks_draft(self.request):
            owner = self.request.user if isinstance(self.request.user, User) else None
            for name, value in draft.refusal_headers(exc, owner).items():
                response[name] = value
        return response

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        answer = super().finalize_response(request, response, *args, **kwargs)
        if tus.is_spoken(request) or answer.status_code == 412:
            answer["Tus-Resumable"] = tus.VERSION
            if answer.status_code == 412:
                answer["Tus-Version"] = tus.VERSION
        return answer


class UploadsView(_ResumableView):
    """Where uploads are created."""

    def post(self, request: Request) -> HttpResponseBase:
        if not tus.is_spoken(request) and draft.is_asked(request):
            return take(self, request, create_draft(request, waits=False))
        tus.refuse_other_version(request)
        return take(self, request, tus.create(request, account(request), length_of(request)))


class UploadView(_ResumableView):
    """One upload."""

    def initialize_request(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Request:
        override = request.headers.get("X-HTTP-Method-Override", "").strip().upper()
        if request.method == "POST" and override in _OVERRIDES:
            request.method = override
        return super().initialize_request(request, *args, **kwargs)

    def head(self, request: Request, upload_id: UUID) -> HttpResponseBase:
        speaks_draft = _speaks_draft(request)
        if not speaks_draft:
            tus.refuse_other_version(request)
        upload = resource.find(account(request), upload_id)
        if upload.refusal:
            raise refusals.again(upload)
        completion.refuse_lost(upload)
        return draft.show(account(request), upload) if speaks_draft else tus.show(upload)

    def patch(self, request: Request, upload_id: UUID) -> HttpResponseBase:
        owner, size = account(request), length_of(request)
        if _speaks_draft(request):
            answer = partial(answer_draft, request, 204)
            return take(self, request, draft.add(request, owner, upload_id, size, answer))
        tus.refuse_other_version(request)
        return take(self, request, tus.add(request, owner, upload_id, size))

    def delete(self, request: Request, upload_id: UUID) -> HttpResponseBase:
        if not _speaks_draft(request):
            tus.refuse_other_version(request)
        resource.terminate(resource.find(account(request), upload_id))
        return HttpResponse(status=204)
