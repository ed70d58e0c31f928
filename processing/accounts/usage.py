"""The account's counter of kept bytes: it equals the rows, because it moves in their transactions.

The counter is `used_bytes` on the row of AUTH_USER_MODEL: the bytes of every uploaded file in the storage,
each content once however many images share it. The row's lock also puts in order whatever gives or takes a
file that images may share: intake, removal of originals, purge.
"""

from __future__ import annotations

from django.contrib.auth import get_user_model
from django.db import transaction
from django.db.models import F, Max

from processing.models import Image, ImageQuerySet


def hold(owner_id: int) -> None:
    """Locks the account's row until the end of the transaction. Take it before any image's lock.

    Not against references: rows that name the account are written meanwhile.
    """
    get_user_model()._base_manager.select_for_update(no_key=True).only("pk").get(pk=owner_id)


def admits(owner_id: int, size: int) -> bool:
    """Whether the plan's quota has room for `size` more bytes; the caller holds the account."""
    room = F("used_bytes") + size
    users = get_user_model()._base_manager
    return users.filter(pk=owner_id, plan__storage_quota_bytes__gte=room).exists()


def add(owner_id: int, size: int) -> None:
    """Counts `size` more bytes, whatever the quota; the caller holds the account."""
    get_user_model()._base_manager.filter(pk=owner_id).update(used_bytes=F("used_bytes") + size)


def give_back(owner_id: int, size: int) -> None:
    """Takes `size` bytes off the counter, and holds the account's row."""
    if size:
        get_user_model()._base_manager.filter(pk=owner_id).update(used_bytes=F("used_bytes") - size)


def miscounted(owner_id: int | None = None) -> list[tuple[int, int, int]]:
    """Accounts (or this one) whose counter is not what their rows say: the id, the counter, the rows."""
    held = Image.objects.filter(has_original=True) if owner_id is None else _held(owner_id)
    contents = held.values("owner_id", "key").annotate(bytes=Max("size")).values_list("owner_id", "bytes")
    found: dict[int, int] = {}
    for owner, size in contents.order_by():
        found[owner] = found.get(owner, 0) + size
    users = get_user_model()._base_manager.all()
    counters = (users if owner_id is None else users.filter(pk=owner_id)).values_list("pk", "used_bytes")
    return [(owner, said, found.get(owner, 0)) for owner, said in counters if said != found.get(owner, 0)]


def _held(owner_id: int) -> ImageQuerySet:
    return Image.objects.of(owner_id).filter(has_original=True)


def recount(owner_id: int) -> bool:
    """Sets the account's counter to what its rows say; False where it was right meanwhile."""
    with transaction.atomic():
        hold(owner_id)
        wrong = miscounted(owner_id)
        for owner, _said, found in wrong:
            get_user_model()._base_manager.filter(pk=owner).update(used_bytes=found)
    return bool(wrong)
