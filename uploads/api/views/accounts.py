"""Tokens and the account they stand for."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid5

from django.db import transaction
from django.utils import timezone
from knox.models import AuthToken
from rest_framework.exceptions import NotFound
from rest_framework.permissions import AllowAny
from rest_framework.response import Response
from rest_framework.serializers import CharField, Serializer
from rest_framework.views import APIView

from processing.accounts.models import User
from processing.models import Image
from processing.news.representations import instant
from uploads.api.authentication import account
from uploads.api.pagination import page
from uploads.api.sign_in import sign_in
from uploads.intake.refusals import Refused

if TYPE_CHECKING:
    from rest_framework.authentication import BaseAuthentication
    from rest_framework.request import Request

    from processing.accounts.models import Plan

_TOKENS = UUID("6f0c3a52-3c0e-5f0b-9d6e-0f5a4f6f1f3e")


class _Credentials(Serializer[Any]):
    username = CharField(max_length=150)
    password = CharField(max_length=1024, trim_whitespace=False)


class TokenView(APIView):
    """A bearer token for a name and a password, of which only the hash is kept; and the list of one's own."""

    makes_secrets = True

    def get_authenticators(self) -> list[BaseAuthentication]:
        return [] if self._signs_in else super().get_authenticators()

    def get_permissions(self) -> list[Any]:
        return [AllowAny()] if self._signs_in else [*super().get_permissions()]

    @property
    def _signs_in(self) -> bool:
        return self.request is not None and self.request.method == "POST"

    def post(self, request: Request) -> Response:
        given = _Credentials(data=request.data)
        given.is_valid(raise_exception=True)
        user = sign_in(request._request, **given.validated_data)
        kept, token = new_token(user)
        shape = {"id": token_id(kept.digest), "token": token, "expires_at": instant(kept.expiry)}
        return Response(shape, status=201)

    def get(self, request: Request) -> Response:
        tokens = account(request).auth_token_set.exclude(expiry__lt=timezone.now())  # type: ignore[attr-defined]
        found = page(request, tokens, "created", datetime.fromisoformat, newest_first=True)
        results = [token_shape(token, request.auth) for token in found.rows]
        return Response({"next": found.next, "previous": found.previous, "results": results})


def new_token(user: User) -> tuple[AuthToken, str]:
    """Raises Refused where the password was changed, or the account closed, since it was looked at."""
    with transaction.atomic():
        now = User.objects.select_for_update().filter(id=user.id, password=user.password, is_active=True)
        if not now.exists():
            raise Refused(401, "invalid_credentials", "This name and password do not belong together.")
        return AuthToken.objects.create(user=user)


def token_id(digest: str) -> str:
    """What a token is named by: fixed, and of no use as a token. Only the digest is kept of it."""
    return str(uuid5(_TOKENS, digest))


def token_shape(token: AuthToken, used: AuthToken | None) -> dict[str, Any]:
    return {
        "id": token_id(token.digest),
        "created_at": instant(token.created),
        "expires_at": instant(token.expiry) if token.expiry else None,
        "current": token == used,
    }


class OtherTokenView(APIView):
    """Ends one of one's own tokens, wherever it is in use."""

    def delete(self, request: Request, token_id: UUID) -> Response:
        for token in account(request).auth_token_set.all():  # type: ignore[attr-defined]
            if uuid5(_TOKENS, token.digest) == token_id:
                token.delete()
                return Response(status=204)
        raise NotFound("There is no such token.")


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
        "upload_hours": plan.upload_hours,
        "max_recipes": plan.max_recipes,
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
