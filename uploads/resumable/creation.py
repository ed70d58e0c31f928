"""What a client says of a new upload beside its length, checked, in the words of neither protocol."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.db import transaction
from rest_framework.serializers import ValidationError

from processing.accounts.recipes import UnknownRecipe, named
from processing.jobs import batches
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


KEYS = ("filename", "webhook_url", "batch", "recipes")


def described(owner: User, given: Mapping[str, str]) -> tuple[str, dict[str, Any]]:
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
    batch, recipes = _batch(owner, given.get("batch", "")), _recipes(owner, given.get("recipes", ""))
    return shown_name(name), {"webhook_url": webhook_url, "batch": batch, "recipes": recipes}


def _recipes(owner: User, text: str) -> list[str]:
    """The names of recipes the account has, comma-separated in `text`. Raises Refused."""
    names = [name for name in map(str.strip, text.split(",")) if name]
    try:
        named(owner, names)
    except UnknownRecipe as error:
        detail = f"There is no recipe `{error.name[:40]}`; known are {', '.join(error.known)}."
        raise Refused(400, "unknown_recipe", detail, attr="recipes", known=error.known) from error
    return names


def _batch(owner: User, text: str) -> UUID | None:
    """The open batch that the upload is to join. Raises Refused: 400 for none of the account's, 409."""
    if not text:
        return None
    try:
        batch = UUID(text)
        is_open = batches.is_open(owner.id, batch)
    except ValueError:
        is_open = None
    if is_open is None:
        raise Refused(400, "unknown_batch", "There is no such batch; open one first.", attr="batch")
    if not is_open:
        raise Refused(409, "batch_closed", "This batch is closed: no more images can join it.", attr="batch")
    return batch


def once(request: Request, owner: User, wanted: Wanted, *, leased: bool) -> tuple[ResumableUpload, bool]:
    """The upload that is wanted, and whether it was there before under the request's Idempotency-Key.

    `leased`: its bytes come along, and this request holds the lease of a new one.
    """
    key = idempotency.key_of(request)
    if key is None:
        return resource.create(owner, wanted, leased=leased), False
    said = [wanted.protocol, wanted.length, wanted.name, sorted((k, str(v)) for k, v in wanted.more.items())]
    keyed = idempotency.Once(owner.id, "resumable", key, idempotency.fingerprint([], said))

    def work() -> tuple[ResumableUpload, bool]:
        with transaction.atomic():
            upload = resource.create(owner, wanted, leased=leased)
            keyed.keep(None, 201, {"upload": str(upload.id)})
        return upload, False

    def replay(kept: IdempotencyKey) -> tuple[ResumableUpload, bool]:
        return resource.find(owner, UUID(kept.answer["upload"])), True

    found: tuple[ResumableUpload, bool] = keyed.run(work, replay)
    return found
