"""Tokens and the account they stand for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib.auth import authenticate
from django.db.models import Count, Sum
from knox.models import AuthToken
from rest_framework.permissions import AllowAny
from rest_framework.response import Response
from rest_framework.serializers import CharField, Serializer
from rest_framework.views import APIView

from processing.models import Image
from processing.shapes import instant
from uploads.access import account
from uploads.models import Plan, User
from uploads.problems import Refused

if TYPE_CHECKING:
    from rest_framework.request import Request


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
        user = authenticate(request._request, **given.validated_data)
        if not isinstance(user, User):
            raise Refused(401, "invalid_credentials", "This name and password do not belong together.")
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


class MeView(APIView):
    def get(self, request: Request) -> Response:
        own = Image.objects.of(account(request).id).visible()
        usage = own.aggregate(images=Count("id"), bytes=Sum("size", default=0))
        return Response(
            {
                "user": {"username": account(request).username, "email": account(request).email},
                "plan": plan_shape(account(request).plan),
                "usage": usage,
            }
        )
