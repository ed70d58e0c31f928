"""What is told of an account's log, and the questions that find it: frames are encoded once, for all."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from typing import Any
from uuid import UUID

import numpy as np
from django.db.models import QuerySet
from django.utils import timezone

from processing.accounts.models import plan_of
from processing.models import AccountLog, Event, Image, Job, Status
from processing.news import colors, feed
from processing.news.logs import Log
from processing.news.representations import ImageShape, image_shape, job_shape

_LOOK_BACK = timedelta(seconds=60)
_MOST_EVENTS = 100
# Some at a time: the log of a large job has megabytes, and many may ask for it at once.
_MOST_MISSED = 20
_MOST_REMOVED = 1000


@dataclass(frozen=True, slots=True)
class Shown:
    """An image that has come into the feed; its frame is encoded once, for all."""

    id: UUID
    hues: int
    # Its dominant colours in OKLab, (n, 3).
    colors: np.ndarray
    frame: str

    @classmethod
    def of(cls, image: ImageShape) -> Shown:
        hues = feed.bits([color["hue"] for color in image["colors"] if color["hue"] is not None])
        places = colors.places([color["hex"] for color in image["colors"]])
        return cls(UUID(image["id"]), hues, places, json.dumps({"type": "feed.added", "image": image}))


@dataclass(frozen=True)
class Told:
    """One event as it goes out: its frame is encoded once, for all."""

    job_id: UUID
    seq: int
    position: int
    kind: str
    frame: str
    images_text: str

    @cached_property
    def images(self) -> list[ImageShape]:
        return json.loads(self.images_text)

    @cached_property
    def notifications(self) -> list[str]:
        """The frames of `/ws/upload/`, one an image."""
        return [json.dumps(_notification(image)) for image in self.images]

    @cached_property
    def shown(self) -> list[Shown]:
        """What this event brings into the feed. A job that makes more of old images brings nothing new."""
        if self.kind == Job.Kind.DERIVE:
            return []
        return [Shown.of(image) for image in self.images if image["status"] == Status.COMPLETED]

    def place(self, log: Log) -> int:
        return self.seq if log.place == "seq" else self.position

    def message(self, log: Log) -> bytes:
        """As an event stream of this log has it."""
        return self._message_of_job if log.place == "seq" else self._message_of_account

    @cached_property
    def _message_of_job(self) -> bytes:
        return sse(self.seq, self.frame)

    @cached_property
    def _message_of_account(self) -> bytes:
        return sse(self.position, self.frame)

    @classmethod
    def of(cls, event: Event) -> Told:
        head = f'"type": "{event.type}", "seq": {event.seq}, "job": {json.dumps(job_shape(event.job, event))}'
        images = f', "images": {event.images}' if event.type == Event.Type.PROGRESS else ""
        return cls(
            job_id=event.job_id,
            seq=event.seq,
            position=event.position,
            kind=event.job.kind,
            frame=f"{{{head}{images}}}",
            images_text=event.images,
        )


def _notification(image: ImageShape) -> dict[str, Any]:
    return {
        "type": "send_upload_notification",
        "job_id": image["job_id"],
        "image_id": image["id"],
        "name": image["name"],
        "size": image["size"],
        "status": image["status"],
        "image": image["renditions"][0]["url"] if image["renditions"] else None,
        "error": image["error"],
    }


def sse(place: int, frame: str) -> bytes:
    """A message of Server-Sent Events (WHATWG HTML, section 9.2); JSON is one line, so its data is."""
    return f"id: {place}\ndata: {frame}\n\n".encode()


def positions(accounts: list[int]) -> list[tuple[int, int]]:
    """Account and position of its last event."""
    return list(AccountLog.objects.filter(owner_id__in=accounts).values_list("owner_id", "position"))


def _by_owner(images: QuerySet[Image]) -> dict[int, list[UUID]]:
    found: dict[int, list[UUID]] = {}
    for owner_id, image_id in images.values_list("owner_id", "id"):
        found.setdefault(owner_id, []).append(image_id)
    return found


def removed_lately(accounts: list[int]) -> dict[int, list[UUID]]:
    """By account the images that were deleted within the last minute, the latest first."""
    recent = Image.objects.filter(deleted_at__gt=timezone.now() - _LOOK_BACK, owner_id__in=accounts)
    return _by_owner(recent.order_by("-deleted_at")[:_MOST_REMOVED])


def missed(log: Log, since: int) -> list[Told]:
    """The next events after a place of the log; there may be more."""
    return [Told.of(event) for event in log.after(since)[:_MOST_MISSED]]


def read(after: dict[int, int]) -> tuple[dict[int, list[Told]], dict[int, list[UUID]]]:
    """By account what its log tells after a position, and which of the images that come into the feed by it
    are deleted already.
    """
    found: dict[int, list[Told]] = {}
    for owner_id, position in after.items():
        events = [Told.of(event) for event in Event.objects.of_account(owner_id, position)[:_MOST_EVENTS]]
        if events:
            found[owner_id] = events
    shown = [image.id for events in found.values() for event in events for image in event.shown]
    return found, _by_owner(Image.objects.filter(id__in=shown, deleted_at__isnull=False)) if shown else {}


def in_feed(owner_id: int, images: Sequence[UUID]) -> list[Shown]:
    """Those of these images that the account's feed has, as its plan shows them."""
    rows = Image.objects.of(owner_id).visible().filter(id__in=images, status=Status.COMPLETED)
    plan = plan_of(owner_id)
    return [Shown.of(image_shape(image, plan)) for image in rows]
