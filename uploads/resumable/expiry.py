"""What becomes of uploads that nobody finished, and of the rows of those that ended."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import UUID

from django.utils import timezone

from processing.models import ResumableUpload
from uploads.resumable import pieces
from uploads.resumable.resource import State, end

if TYPE_CHECKING:
    from pathlib import Path

# So long an ended upload still says what became of it.
KEPT = timedelta(days=7)
# A file is there before its row knows of it, and for a moment after.
_LEFT_SECONDS = 3600.0
_MOST = 500


def expire() -> int:
    """Ends the uploads whose time is over; returns how many."""
    late = ResumableUpload.objects.filter(state=State.OPEN, expires_at__lte=timezone.now())
    return sum(end(upload, State.EXPIRED) for upload in late.order_by("expires_at")[:_MOST])


def forget() -> int:
    """Removes the rows of uploads that ended long ago; returns how many."""
    old = ResumableUpload.objects.exclude(state=State.OPEN).filter(updated_at__lt=timezone.now() - KEPT)
    return old.filter(id__in=list(old.values_list("id", flat=True)[:_MOST])).delete()[0]


def drop_left_pieces(older_than: float = _LEFT_SECONDS) -> int:
    """Removes the files that no open upload writes to, left by killed processes; returns how many."""
    before = time.time() - older_than
    old = {path: name for name, path in pieces.left() if _modified(path) < before}
    named = {name for name in old.values() if len(name) == 32}
    rows = ResumableUpload.objects.filter(state=State.OPEN, id__in=[UUID(name) for name in named])
    kept = {pieces.path_of(upload.id, upload.generation) for upload in rows}
    # The one before may hold what the newest has yet to copy.
    kept |= {path for upload in rows for path in pieces.generations(upload.id)[:2]}
    left = [path for path in old if path not in kept]
    for path in left:
        path.unlink(missing_ok=True)
    return len(left)


def _modified(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return time.time()
