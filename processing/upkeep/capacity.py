"""What fills up: the disk of the media, the trash, and whose images they are."""

from __future__ import annotations

import logging
import shutil
from datetime import timedelta
from typing import NamedTuple

from django.conf import settings
from django.core.files.storage import FileSystemStorage, storages
from django.db.models import Count, Sum

from processing.accounts.models import User
from processing.models import UNFINISHED, Image, Pulse

logger = logging.getLogger(__name__)

LOW = 0.1  # of the disk: from here on it is said
_AGAIN = timedelta(minutes=10)
_MOST = 20


class Disk(NamedTuple):
    """Bytes of the file system that holds the media."""

    free: int
    total: int

    @property
    def is_low(self) -> bool:
        return self.free < LOW * self.total


def disk() -> Disk | None:
    """None where the media lie in a bucket."""
    if not isinstance(storages["originals"], FileSystemStorage):
        return None
    settings.MEDIA_ROOT.mkdir(parents=True, exist_ok=True)
    found = shutil.disk_usage(settings.MEDIA_ROOT)
    return Disk(found.free, found.total)


def warn() -> None:
    """A line in the log while there is little room, every few minutes, long before uploads are refused."""
    found = disk()
    if found and found.is_low and Pulse.objects.taken("disk-is-low", _AGAIN):
        share, gigabytes = found.free / found.total, found.free / 2**30
        logger.warning(
            "Disk: %.1f %% (%.1f GiB) free for media; full, uploads get 507.", 100 * share, gigabytes
        )


def trash() -> tuple[int, int]:
    """Images that are deleted but can be restored, and the size of what was uploaded as them."""
    found = Image.objects.exclude(deleted_at=None).order_by().aggregate(images=Count("id"), size=Sum("size"))
    return found["images"], found["size"] or 0


def busiest() -> list[tuple[str, int]]:
    """The accounts with most unfinished images, and how many."""
    waiting = Image.objects.filter(status__in=UNFINISHED).order_by().values("owner__username")
    found = waiting.annotate(images=Count("id")).order_by("-images")[:_MOST]
    return [(row["owner__username"], row["images"]) for row in found]


def largest() -> list[tuple[str, int]]:
    """The accounts that use most storage, and its bytes."""
    return list(
        User.objects.filter(used_bytes__gt=0)
        .order_by("-used_bytes")
        .values_list("username", "used_bytes")[:_MOST]
    )
