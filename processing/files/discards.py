"""Files that no row needs any more, removed after the commit that made them so."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import TYPE_CHECKING

from django.core.files.storage import storages
from django.db import transaction
from django.db.models.functions import Now

from processing.models import Discard

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

logger = logging.getLogger(__name__)

# Younger ones are still in the hands of whoever discarded them.
_LEFT_BEHIND = timedelta(seconds=10)
_MOST = 1000


def discard(files: Iterable[tuple[str, str]]) -> None:
    """Notes (store, name) pairs for removal. Call it in the transaction after which no row names them."""
    rows = Discard.objects.bulk_create(
        [Discard(store=store, name=name) for store, name in sorted(set(files))]
    )
    if rows:
        transaction.on_commit(lambda: _remove(rows))


def clear() -> int:
    """Removes what was left behind; returns how many files are gone."""
    return _remove(list(Discard.objects.filter(created_at__lt=Now() - _LEFT_BEHIND).order_by("id")[:_MOST]))


def _remove(rows: Sequence[Discard]) -> int:
    gone = []
    for row in rows:
        try:
            storages[row.store].delete(row.name)
        except OSError as error:
            logger.warning("%s is not removed yet, the sweeper tries again: %s", row, error)
        else:
            gone.append(row.id)
    Discard.objects.filter(id__in=gone).delete()
    return len(gone)
