"""What becomes of uploads that nobody finished, and of the rows of those that ended."""

from __future__ import annotations

import re
import time
from datetime import timedelta
from uuid import UUID

from django.utils import timezone

from processing.models import ResumableUpload
from uploads.resumable.pieces import place
from uploads.resumable.resource import State, end

# So long an ended upload still says what became of it.
KEPT = timedelta(days=7)
# A file is there before its row knows of it, and for a moment after.
_LEFT_SECONDS = 3600.0
_MOST = 500
_HEX = re.compile(r"[0-9a-f]{32}")


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
    return place().drop_left(time.time() - older_than, _open_among)


def _open_among(names: set[str]) -> list[ResumableUpload]:
    ids = [UUID(name) for name in names if _HEX.fullmatch(name)]
    return list(ResumableUpload.objects.filter(state=State.OPEN, id__in=ids))
