"""Whether a worker can write to the storage: written down, so that nobody else need try."""

from __future__ import annotations

import logging
from datetime import timedelta

from django.core.files.base import ContentFile
from django.core.files.storage import storages

from processing.models import Pulse

logger = logging.getLogger(__name__)

NAME = "ready"
_EVERY = timedelta(seconds=10)


def prove() -> None:
    """Writes a small file, one caller of all at a time and every few seconds; notes where it succeeds."""
    if not Pulse.objects.taken("proof", _EVERY):
        return
    try:
        storages["originals"].save(NAME, ContentFile(b"ready"))
    except OSError as error:
        logger.warning("Storage: cannot be written to: %s", error)
    else:
        Pulse.objects.beat("storage")
