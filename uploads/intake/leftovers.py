"""What uploads leave behind, and what goes of it after a while."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from django.conf import settings
from django.utils import timezone

from uploads.intake.idempotency import LIFETIME
from uploads.models import IdempotencyKey

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# Longer than any request may take to arrive, and to be taken in.
LEFT_AGE = timedelta(hours=6)


def drop_old_keys() -> int:
    """Removes the answers kept for repeated requests once nobody may repeat them; returns how many."""
    return IdempotencyKey.objects.filter(created_at__lt=timezone.now() - LIFETIME).delete()[0]


def drop_left_uploads(older_than: timedelta = LEFT_AGE) -> int:
    """Removes the temporary files of requests whose server was killed; returns how many."""
    count = 0
    for path in left_uploads(older_than):
        path.unlink(missing_ok=True)
        count += 1
    return count


def left_uploads(older_than: timedelta) -> Iterator[Path]:
    before = (timezone.now() - older_than).timestamp()
    for folder in (settings.INCOMING_DIR, settings.HOME / "tmp"):
        for path in folder.rglob("*"):
            try:
                if path.is_file() and path.stat().st_mtime < before:
                    yield path
            except FileNotFoundError:
                continue
