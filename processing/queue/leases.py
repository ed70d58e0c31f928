"""Leases: renewed by who lives, given back by who stops, taken back from who died; all their SQL."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING, Any, Self

from django.conf import settings
from django.db import Error, connection

from processing.models import Image

if TYPE_CHECKING:
    import uuid
    from datetime import timedelta
    from types import TracebackType

    from processing.models.leased import Leased

logger = logging.getLogger(__name__)

_RENEW = (
    "UPDATE {table} SET lease_until = now() + %(lease_for)s WHERE lease = %(lease)s AND status = 'processing'"
)

_RELEASE = """
UPDATE {table} SET status = 'pending', lease_until = now() + %(wait)s,
    attempt = attempt + %(counted)s, alone = alone OR %(counted)s = 1
WHERE lease = %(lease)s AND status = 'processing' AND (%(id)s::uuid IS NULL OR id = %(id)s::uuid)
"""

# Nobody knows which of a dead worker's images was begun: each is tried alone from here on, and then the next
# lease that runs out is its own.
_TAKE_BACK = """
UPDATE {table} SET status = 'pending', lease_until = NULL, attempt = attempt + alone::int, alone = true
WHERE id IN (
    SELECT id FROM {table}
    WHERE status = 'processing' AND lease_until < now() AND NOT (alone AND attempt + 1 >= %s)
    ORDER BY id LIMIT 2000 FOR UPDATE SKIP LOCKED)
"""

_LOST = """
SELECT * FROM {table} WHERE status = 'processing' AND lease_until < now() AND alone AND attempt + 1 >= %s
"""


def renew(lease: int, model: type[Leased] = Image) -> None:
    """Keeps what is still in work under this lease; what another took meanwhile has another's number."""
    _execute(model, _RENEW, {"lease": lease, "lease_for": settings.LEASE})


def release(
    lease: int,
    image_id: uuid.UUID | None = None,
    *,
    counted: bool,
    wait: timedelta | None = None,
    model: type[Leased] = Image,
) -> int:
    """Puts this image, or all that is left under the lease, back for another worker; returns how many.

    `counted` says whether the try counts as one; nobody takes it up before `wait` is over.
    """
    only = str(image_id) if image_id else None
    return _execute(model, _RELEASE, {"lease": lease, "id": only, "counted": int(counted), "wait": wait})


def take_back(model: type[Leased] = Image) -> int:
    """Frees what dead workers held, but for what was tried often enough; returns how many."""
    return _execute(model, _TAKE_BACK, [settings.MAX_ATTEMPTS])


def lost() -> list[Image]:
    """Images that ended their worker at every try."""
    return list(Image.objects.raw(_LOST.format(table=_table(Image)), [settings.MAX_ATTEMPTS]))


def _execute(model: type[Leased], statement: str, values: Any) -> int:
    with connection.cursor() as cursor:
        cursor.execute(statement.format(table=_table(model)), values)
        return cursor.rowcount


def _table(model: type[Leased]) -> str:
    return connection.ops.quote_name(model._meta.db_table)


class Heartbeat:
    """Renews a lease while this process lives, from a thread of its own.

    Pixels may take longer than a lease, and Pillow lets other threads run meanwhile. The thread connects only
    when the work lasts long enough to need it: most chunks are done before.
    """

    def __init__(self, lease: int) -> None:
        self._lease = lease
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._keep, name="heartbeat", daemon=True)

    def _keep(self) -> None:
        every = settings.LEASE.total_seconds() / 3
        try:
            while not self._over.wait(every):
                try:
                    renew(self._lease)
                except Error as error:
                    logger.warning("Leases not renewed, the next try is in %.0f s: %s", every, error)
                    connection.close()
        finally:
            connection.close()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()
