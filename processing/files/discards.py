"""Files that no row needs any more, removed after the commit that made them so."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.core.files.storage import storages
from django.db import transaction
from django.utils import timezone

from processing.models import Discard, Pulse
from processing.plumbing.circuit_breaker import CircuitBreaker

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

logger = logging.getLogger(__name__)

# Younger ones are still in the hands of whoever discarded them.
_LEFT_BEHIND = timedelta(seconds=10)
# After a failure: a storage that hangs takes one worker for one request, not all of them for each file.
_PAUSE = timedelta(minutes=1)
_MOST = 1000
HOLD = "hold"  # the pulse whose time lies ahead while no file may go
_breaker = CircuitBreaker(_PAUSE.total_seconds())

# Whoever takes rows puts them off for the others.
_TAKE = """
UPDATE processing_discard SET due_at = now() + %(pause)s WHERE id IN (
    SELECT id FROM processing_discard WHERE due_at <= now()
    ORDER BY due_at LIMIT %(most)s FOR UPDATE SKIP LOCKED
) RETURNING *
"""


def discard(files: Iterable[tuple[str, str]]) -> None:
    """Notes (store, name) pairs for removal. Call it in the transaction after which no row names them."""
    due_at = timezone.now() + _LEFT_BEHIND
    rows = Discard.objects.bulk_create(
        [Discard(store=store, name=name, due_at=due_at) for store, name in sorted(set(files))]
    )
    if rows:
        transaction.on_commit(lambda: _remove(rows))


def hold(duration: timedelta) -> None:
    """From now on, for as long as that, no file goes: a backup copies what the database just copied names.

    What a transaction lets go after this one was committed waits, noted as ever, until `release`.
    """
    until: Any = Pulse(name=HOLD, beat_at=timezone.now() + duration)
    Pulse.objects.bulk_create(
        [until], update_conflicts=True, unique_fields=["name"], update_fields=["beat_at"]
    )


def release() -> None:
    """Ends a hold; the sweeper removes what has waited."""
    Pulse.objects.filter(name=HOLD).delete()


def is_held() -> bool:
    return Pulse.objects.filter(name=HOLD, beat_at__gt=timezone.now()).exists()


def clear() -> int:
    """Removes what was left behind, one caller of all at a time; returns how many files are gone."""
    if is_held() or not Pulse.objects.taken("discards", _PAUSE):
        return 0
    gone = _remove(list(Discard.objects.raw(_TAKE, {"pause": _PAUSE, "most": _MOST})))
    if not _breaker.open:
        Pulse.objects.leave("discards")
    return gone


def _remove(rows: Sequence[Discard]) -> int:
    """Stops at the first failure: the next file lies in the same storage."""
    # Looked at after the commit, so that of a hold and a discard one always sees the other.
    if is_held():
        return 0
    gone = []
    for row in rows:
        if _breaker.open:
            break
        try:
            storages[row.store].delete(row.name)
        except OSError as error:
            logger.warning("%s is not removed yet, the sweeper tries again: %s", row, error)
            _breaker.trip()
        else:
            gone.append(row.id)
    Discard.objects.filter(id__in=gone).delete()
    return len(gone)
