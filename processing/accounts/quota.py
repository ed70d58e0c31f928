"""The storage quota of an account: a counter on its row that moves in the transactions of the rows it counts.

`used_bytes` are the bytes of every uploaded file in the storage, each content once however many images share
it, and those of uploads that are not whole yet. The row's lock also puts in order whatever gives or takes a
file that images may share: intake, removal of originals, purge.
"""

from __future__ import annotations

from django.db.models import F

from processing.accounts.models import Plan, User

# The plan as it is now, not as it was when the request came: it may have changed meanwhile.
_TAKE = """
UPDATE processing_user u SET used_bytes = u.used_bytes + %(size)s
FROM processing_plan p
WHERE u.id = %(owner)s AND p.id = u.plan_id
  AND (%(size)s = 0 OR u.used_bytes + %(size)s <= p.storage_quota_bytes)
RETURNING p.*
"""


def take(owner_id: int, size: int) -> Plan | None:
    """Counts `size` more bytes where the quota admits them, and returns the account's plan; else None.

    The account's row stays locked until the transaction ends.
    """
    found = list(Plan.objects.raw(_TAKE, {"owner": owner_id, "size": size}))
    return found[0] if found else None


def locked(owner_id: int) -> User:
    """The account with its plan, its row locked until the transaction ends."""
    return User.objects.select_for_update(no_key=True, of=("self",)).select_related("plan").get(id=owner_id)


def hold(owner_id: int) -> None:
    """Locks the account's row until the end of the transaction. Take it before any image's lock.

    Not against references: rows that name the account are written meanwhile.
    """
    User.objects.select_for_update(no_key=True).only("pk").get(pk=owner_id)


def admits(owner_id: int, size: int) -> bool:
    """Whether the plan's quota has room for `size` more bytes; the caller holds the account."""
    room = F("used_bytes") + size
    return User.objects.filter(pk=owner_id, plan__storage_quota_bytes__gte=room).exists()


def add(owner_id: int, size: int) -> None:
    """Counts `size` more bytes, whatever the quota; the caller holds the account."""
    User.objects.filter(pk=owner_id).update(used_bytes=F("used_bytes") + size)


def give_back(owner_id: int, size: int) -> None:
    """Takes `size` bytes off the counter, and holds the account's row."""
    if size:
        User.objects.filter(pk=owner_id).update(used_bytes=F("used_bytes") - size)
