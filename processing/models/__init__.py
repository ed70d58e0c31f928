"""The rows that are the truth, one file a subject; everything imports them from here."""

from __future__ import annotations

from processing.accounts.models import Plan, StoredRecipe, User
from processing.models.derivations import Derivation
from processing.models.events import AccountLog, Event, EventQuerySet
from processing.models.images import Image, ImageCell, ImageHue, ImageQuerySet
from processing.models.jobs import Job
from processing.models.sources import Source
from processing.models.statuses import IMAGE_STATUSES, UNFINISHED, NearDuplicates, Queue, Status, Waits
from processing.models.upkeep import Backfill, Discard, Pulse, QueueState, Share
from processing.models.uploads import ResumableUpload
from processing.models.webhooks import Delivery, Endpoint, SigningSecret

__all__ = [
    "IMAGE_STATUSES",
    "UNFINISHED",
    "AccountLog",
    "Backfill",
    "Delivery",
    "Derivation",
    "Discard",
    "Endpoint",
    "Event",
    "EventQuerySet",
    "Image",
    "ImageCell",
    "ImageHue",
    "ImageQuerySet",
    "Job",
    "NearDuplicates",
    "Plan",
    "Pulse",
    "Queue",
    "QueueState",
    "ResumableUpload",
    "Share",
    "SigningSecret",
    "Source",
    "Status",
    "StoredRecipe",
    "User",
    "Waits",
]
