"""What a client says of a new upload beside its length, checked, in the words of neither protocol."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.db import transaction
from rest_framework.serializers import ValidationError

from uploads.intake import idempotency
from uploads.intake.receiving import shown_name
from uploads.intake.refusals import Refused
from uploads.intake.webhook_urls import checked_webhook_url
from uploads.resumable import resource

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rest_framework.request import Request

    from processing.accounts.models import User
    from processing.models import ResumableUpload
    from uploads.models import IdempotencyKey
    from uploads.resumable.resource import Wanted


def described(given: Mapping[str, str]) -> tuple[str, dict[str, Any]]:
    """The shown name, and the row's other values, from `filename`, `webhook_url`, `batch`, `recipes`.

    Raises Refused with the name of what is wrong.
    """
    if any("\x00" in value for value in given.values()):
        raise Refused(400, "invalid_metadata", "Metadata holds no NUL characters.", attr="metadata")
    webhook_url = given.get("webhook_url", "")
    try:
        checked_webhook_url(webhook_url)
    except ValidationError as error:
        said: Any = error.detail
        raise Refused(400, said[0].code, str(said[0]), attr="webhook_url") from error
    name = given.get("filename") or given.get("name") or ""
    return shown_name(name), {"webhook_url": webhook_url}


def once(request: Request, owner: User, wanted: Wanted) -> tuple[ResumableUpload, bool]:
    """The upload that is wanted, and whether it was there before under the request's Idempotency-Key."""
    key = idempotency.key_of(request)
    if key is None:
        return resource.create(owner, wanted), False
    said = [wanted.protocol, wanted.length, wanted.name, sorted((k, str(v)) for k, v in wanted.more.items())]
    keyed = idempotency.Once(owner.id, "resumable", key, idempotency.fingerprint([], said))

    def work() -> tuple[ResumableUpload, bool]:
        with transaction.atomic():
            upload = resource.create(owner, wanted)
            keyed.keep(None, 201, {"upload": str(upload.id)})
        return upload, False

    def replay(kept: IdempotencyKey) -> tuple[ResumableUpload, bool]:
        return resource.find(owner, UUID(kept.answer["upload"])), True

    found: tuple[ResumableUpload, bool] = keyed.run(work, replay)
    return found
