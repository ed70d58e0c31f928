"""The storage quota of an account, taken in one conditional UPDATE."""

from __future__ import annotations

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
