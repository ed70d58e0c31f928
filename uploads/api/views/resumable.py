"""`/api/uploads`: each request goes to the door of the protocol that it speaks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.conf import settings
from django.http import HttpResponse, HttpResponseBase
from rest_framework.permissions import AllowAny
from rest_framework.views import APIView

from processing.accounts.models import User
from uploads.api.authentication import account
from uploads.resumable import refusals, resource, tus

if TYPE_CHECKING:
    from collections.abc import Sequence

    from django.http import HttpRequest
    from rest_framework.request import Request

_OVERRIDES = ("PATCH", "DELETE", "HEAD")


class _ResumableView(APIView):
    """What both addresses share: discovery without credentials, the version on every answer."""

    http_method_names = ["post", "head", "patch", "delete", "options"]
    most_body = settings.MAX_BODY_BYTES

    def get_permissions(self) -> Sequence[Any]:
        return [AllowAny()] if self.request.method == "OPTIONS" else super().get_permissions()

    def options(self, request: Any, *args: Any, **kwargs: Any) -> Any:
        owner = request.user if isinstance(request.user, User) else None
        return HttpResponse(status=204, headers=tus.capabilities(owner))

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        answer = super().finalize_response(request, response, *args, **kwargs)
        if tus.is_spoken(request):
            answer["Tus-Resumable"] = tus.VERSION
            if answer.status_code == 412:
                answer["Tus-Version"] = tus.VERSION
        return answer


class UploadsView(_ResumableView):
    """Where uploads are created."""

    def post(self, request: Request) -> HttpResponseBase:
        tus.refuse_other_version(request)
        return tus.create(request, account(request))


class UploadView(_ResumableView):
    """One upload."""

    def initialize_request(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Request:
        override = request.headers.get("X-HTTP-Method-Override", "").strip().upper()
        if request.method == "POST" and override in _OVERRIDES:
            request.method = override
        return super().initialize_request(request, *args, **kwargs)

    def head(self, request: Request, upload_id: UUID) -> HttpResponseBase:
        tus.refuse_other_version(request)
        upload = resource.find(account(request), upload_id)
        if upload.refusal:
            raise refusals.again(upload)
        return tus.show(upload)

    def patch(self, request: Request, upload_id: UUID) -> HttpResponseBase:
        tus.refuse_other_version(request)
        return tus.add(request, account(request), upload_id)

    def delete(self, request: Request, upload_id: UUID) -> HttpResponseBase:
        tus.refuse_other_version(request)
        resource.terminate(resource.find(account(request), upload_id))
        return HttpResponse(status=204)
