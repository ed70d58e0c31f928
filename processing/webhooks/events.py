"""Every event a receiver can be told of, in one table: its name, what it means, and its data from the rows.

The choices of a receiver, the filters of the log and the description (uploads.api.schema.messages) read it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from processing.news.representations import error_shape, job_shape, rendition_shape

if TYPE_CHECKING:
    from collections.abc import Sequence

    from processing.models import Image, Job

# A message of images is full at either.
MOST_IMAGES = 100
MOST_BYTES = 19_000


@dataclass(frozen=True, slots=True)
class EventType:
    """`fields` are those of each image in a message that gathers some; none where it tells of a job."""

    name: str
    summary: str
    description: str
    fields: tuple[str, ...] = ()

    def __str__(self) -> str:
        return self.name

    def image(self, image: Image) -> dict[str, Any]:
        """One image as a message of this event has it: short, so that a hundred fit into 20 kB."""
        return {field: _IMAGE_FIELDS[field](image) for field in self.fields}


def _largest_url(image: Image) -> str | None:
    largest = max(image.renditions, key=lambda made: made["width"] * made["height"], default=None)
    return rendition_shape(image.key, largest)["url"] if largest else None


_IMAGE_FIELDS: dict[str, Any] = {
    "id": lambda image: str(image.id),
    "index": lambda image: image.index,
    "name": lambda image: image.name,
    "status": lambda image: str(image.status),
    "url": _largest_url,
    "error": lambda image: error_shape(image.error_code, image.error_detail),
}
_BRIEF = ("id", "index", "name", "status")
_GATHERED = f"Gathered by job: up to {MOST_IMAGES} images a message, within seconds."

JOB_CREATED = EventType("job.created", "A job has begun", "With the number of its images.")
JOB_FINISHED = EventType(
    "job.finished",
    "Every image of a job has its final state",
    "Also to the job's `webhook_url`; anew after a retry.",
)
IMAGE_COMPLETED = EventType(
    "image.completed",
    "Images have their renditions",
    f"{_GATHERED} `url` is the largest rendition's.",
    (*_BRIEF, "url"),
)
IMAGE_FAILED = EventType(
    "image.failed", "Images could not be processed", f"{_GATHERED} `error` says why.", (*_BRIEF, "error")
)
IMAGE_DELETED = EventType(
    "image.deleted", "Images were deleted", "They can be restored until the retention time is over.", _BRIEF
)
IMAGE_RESTORED = EventType("image.restored", "Deleted images are there again", "", (*_BRIEF, "url"))
# Not to be subscribed to: POST /api/webhooks/ID/test sends it.
TEST = EventType("test", "A test was asked for", "To try a receiver and its check of the signature.")

EVENTS: dict[str, EventType] = {
    event.name: event
    for event in (JOB_CREATED, JOB_FINISHED, IMAGE_COMPLETED, IMAGE_FAILED, IMAGE_DELETED, IMAGE_RESTORED)
}


def body(event: EventType, timestamp: str, data: Any) -> str:
    """A message as it is sent, and signed."""
    return json.dumps(
        {"type": event.name, "timestamp": timestamp, "data": data}, separators=(",", ":"), ensure_ascii=False
    )


def of_job(event: EventType, timestamp: str, job: Job) -> str:
    return body(event, timestamp, job_shape(job))


def of_images(event: EventType, timestamp: str, job_id: str, images: Sequence[dict[str, Any]]) -> str:
    return body(event, timestamp, {"job_id": job_id, "images": images})
