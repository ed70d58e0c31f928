"""The account's counter of kept bytes: it equals the rows, because it moves in their transactions.

The counter is `used_bytes` on the row of AUTH_USER_MODEL: the bytes of every uploaded file in the storage,
each content once however many images share it. The row's lock also puts in order whatever gives or takes a
file that images may share: intake, removal of originals, purge.
"""

from __future__ import annotations

from django.contrib.auth import get_user_model
from django.db.models import F


def hold(owner_id: int) -> None:
    """Locks the account's row until the end of the transaction. Take it before any image's lock.

    Not against references: rows that name the account are written meanwhile.
    """
    get_user_model()._base_manager.select_for_update(no_key=True).only("pk").get(pk=owner_id)


def add(owner_id: int, size: int) -> None:
    """Counts `size` more bytes, whatever the quota; the caller holds the account."""
    get_user_model()._base_manager.filter(pk=owner_id).update(used_bytes=F("used_bytes") + size)


def give_back(owner_id: int, size: int) -> None:
    """Takes `size` bytes off the counter, and holds the account's row."""
    if size:
        get_user_model()._base_manager.filter(pk=owner_id).update(used_bytes=F("used_bytes") - size)
