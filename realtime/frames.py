"""What is told of the log, and the questions that find it: frames are encoded once, for all who hear them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from uuid import UUID

from django.db.models import Q, QuerySet
from django.utils import timezone

from processing.accounts.models import plan_of
from processing.models import Event, Image, Job, Status
from processing.news import feed
from processing.news.representations import ImageShape, image_shape, job_shape

_LOOK_BACK = timedelta(seconds=60)
_MOST_EVENTS = 200
_MOST_REMOVED = 1000


@dataclass(frozen=True, slots=True)
class Shown:
    """An image that has come into the feed; its frame is encoded once, for all."""

    id: UUID
    hues: int
    frame: str

    @classmethod
    def of(cls, image: ImageShape) -> Shown:
        hues = feed.bits([color["hue"] for color in image["colors"] if color["hue"] is not None])
        return cls(UUID(image["id"]), hues, json.dumps({"type": "feed.added", "image": image}))


@dataclass(frozen=True)
class Told:
    """One event as it goes out: its frame is encoded once, for all."""

    job_id: UUID
    owner_id: int
    seq: int
    type: str
    kind: str
    frame: str
    images_text: str

    @cached_property
    def images(self) -> list[ImageShape]:
        return json.loads(self.images_text)

    @cached_property
    def shown(self) -> list[Shown]:
        """What this event brings into the feed. A job that makes more of old images brings nothing new."""
        if self.kind == Job.Kind.DERIVE:
            return []
        return [Shown.of(image) for image in self.images if image["status"] == Status.COMPLETED]

    @classmethod
    def of(cls, event: Event) -> Told:
        head = f'"type": "{event.type}", "seq": {event.seq}, "job": {json.dumps(job_shape(event.job, event))}'
        images = f', "images": {event.images}' if event.type == Event.Type.PROGRESS else ""
        return cls(
            job_id=event.job_id,
            owner_id=event.job.owner_id,
            seq=event.seq,
            type=event.type,
            kind=event.job.kind,
            frame=f"{{{head}{images}}}",
            images_text=event.images,
        )


def seq_of(job_id: UUID) -> int:
    """The number of the job's last event; 0 where there is none."""
    return Job.objects.filter(id=job_id).values_list("seq", flat=True).first() or 0


def latest(jobs: list[UUID], accounts: list[int]) -> list[tuple[UUID, int, int]]:
    """Id, owner and last event's number of these jobs, and of those of these accounts that moved lately."""
    recent = Q(owner_id__in=accounts, updated_at__gt=timezone.now() - _LOOK_BACK)
    return list(Job.objects.filter(Q(id__in=jobs) | recent).values_list("id", "owner_id", "seq"))


def _by_owner(images: QuerySet[Image]) -> dict[int, list[UUID]]:
    found: dict[int, list[UUID]] = {}
    for owner_id, image_id in images.values_list("owner_id", "id"):
        found.setdefault(owner_id, []).append(image_id)
    return found


def removed_lately(accounts: list[int]) -> dict[int, list[UUID]]:
    """By account the images that were deleted within the last minute, the latest first."""
    recent = Image.objects.filter(deleted_at__gt=timezone.now() - _LOOK_BACK, owner_id__in=accounts)
    return _by_owner(recent.order_by("-deleted_at")[:_MOST_REMOVED])


def read(
    after: dict[UUID, int], accounts: frozenset[int]
) -> tuple[dict[UUID, list[Told]], dict[int, list[UUID]]]:
    """What the jobs' logs tell, and which of the images that come into the feed by it are deleted already."""
    found: dict[UUID, list[Told]] = {}
    for job_id, seq in after.items():
        events = [Told.of(event) for event in Event.objects.after(job_id, seq)[:_MOST_EVENTS]]
        if events:
            found[job_id] = events
    told = [event for events in found.values() for event in events if event.owner_id in accounts]
    shown = [image.id for event in told for image in event.shown]
    return found, _by_owner(Image.objects.filter(id__in=shown, deleted_at__isnull=False)) if shown else {}


def in_feed(owner_id: int, images: Sequence[UUID]) -> list[Shown]:
    """Those of these images that the account's feed has, as its plan shows them."""
    rows = Image.objects.of(owner_id).visible().filter(id__in=images, status=Status.COMPLETED)
    plan = plan_of(owner_id)
    return [Shown.of(image_shape(image, plan)) for image in rows]
