"""Tokens and the account they stand for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from knox.models import AuthToken
from rest_framework.permissions import AllowAny
from rest_framework.response import Response
from rest_framework.serializers import CharField, Serializer
from rest_framework.views import APIView

from processing.models import Image
from processing.news.representations import instant
from uploads.api.authentication import account
from uploads.api.sign_in import sign_in
from uploads.intake.refusals import Refused

if TYPE_CHECKING:
    from rest_framework.request import Request

    from processing.accounts.models import Plan, User


class _Credentials(Serializer[Any]):
    username = CharField(max_length=150)
    password = CharField(max_length=1024, trim_whitespace=False)


class TokenView(APIView):
    """A bearer token for a name and a password; only its hash is kept."""

    authentication_classes = []
    permission_classes = [AllowAny]

    def post(self, request: Request) -> Response:
        given = _Credentials(data=request.data)
        given.is_valid(raise_exception=True)
        user = sign_in(request._request, **given.validated_data)
        kept, token = AuthToken.objects.create(user=user)
        return Response({"token": token, "expires_at": instant(kept.expiry)}, status=201)


class CurrentTokenView(APIView):
    def delete(self, request: Request) -> Response:
        if not isinstance(request.auth, AuthToken):
            raise Refused(400, "no_token", "This request did not come with a bearer token.")
        request.auth.delete()
        return Response(status=204)


def plan_shape(plan: Plan) -> dict[str, Any]:
    return {
        "name": plan.name,
        "thumbnail_heights": plan.thumbnail_heights,
        "keeps_original": plan.keeps_original,
        "allows_links": plan.allows_links,
        "max_file_bytes": plan.max_file_bytes,
        "max_files": plan.max_files,
        "storage_quota_bytes": plan.storage_quota_bytes,
        "requests_per_minute": plan.requests_per_minute,
    }


def me_shape(user: User) -> dict[str, Any]:
    """`usage.bytes` is what counts against the storage quota, deleted images included until they go."""
    return {
        "user": {"username": user.username, "email": user.email},
        "plan": plan_shape(user.plan),
        "usage": {"images": Image.objects.of(user.id).visible().count(), "bytes": user.used_bytes},
    }


class MeView(APIView):
    def get(self, request: Request) -> Response:
        return Response(me_shape(account(request)))
