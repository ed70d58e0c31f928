"""The accounts' counters of kept bytes, held against the rows that they count."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import transaction
from django.db.models import Max, Sum

from processing.accounts import quota
from processing.accounts.models import User
from processing.models import Image, ImageQuerySet, ResumableUpload

if TYPE_CHECKING:
    from collections.abc import Iterable


def miscounted(owner_id: int | None = None) -> list[tuple[int, int, int]]:
    """Accounts (or this one) whose counter is not what their rows say: the id, the counter, the rows."""
    held = Image.objects.filter(has_original=True) if owner_id is None else _held(owner_id)
    contents = held.values("owner_id", "key").annotate(bytes=Max("size")).values_list("owner_id", "bytes")
    found: dict[int, int] = {}
    for owner, size in contents.order_by():
        found[owner] = found.get(owner, 0) + size
    for owner, size in _unfinished(owner_id):
        found[owner] = found.get(owner, 0) + size
    users = User.objects.all()
    counters = (users if owner_id is None else users.filter(pk=owner_id)).values_list("pk", "used_bytes")
    return [(owner, said, found.get(owner, 0)) for owner, said in counters if said != found.get(owner, 0)]


def _unfinished(owner_id: int | None) -> Iterable[tuple[int, int]]:
    """By owner, the bytes of uploads that are not whole yet."""
    uploads = ResumableUpload.objects.filter(state=ResumableUpload.State.OPEN).order_by()
    uploads = uploads if owner_id is None else uploads.filter(owner_id=owner_id)
    return uploads.values("owner_id").annotate(bytes=Sum("offset")).values_list("owner_id", "bytes")


def _held(owner_id: int) -> ImageQuerySet:
    return Image.objects.of(owner_id).filter(has_original=True)


def recount(owner_id: int) -> bool:
    """Sets the account's counter to what its rows say; False where it was right meanwhile."""
    with transaction.atomic():
        quota.hold(owner_id)
        wrong = miscounted(owner_id)
        for owner, _said, found in wrong:
            User.objects.filter(pk=owner).update(used_bytes=found)
    return bool(wrong)
