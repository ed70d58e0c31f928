"""The JSON shapes of images, jobs and events, the same wherever they are shown."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Protocol, TypedDict

from processing.files import storage
from processing.news.pictures import PictureShape, picture_shape
from processing.plumbing.script_prefix import below_prefix

if TYPE_CHECKING:
    from datetime import datetime

    from processing.models import Event, Image, Job
    from processing.queue.outlook import Outlook


class Gives(Protocol):
    """What the owner's plan lets see; the plan itself is the accounts' business."""

    thumbnail_heights: list[int]
    keeps_original: bool


class ErrorShape(TypedDict):
    code: str
    detail: str


class ColorShape(TypedDict):
    hex: str
    hue: int | None
    share: float


class PointShape(TypedDict):
    x: float
    y: float


class RenditionShape(TypedDict):
    name: str
    version: int
    animated: bool
    width: int
    height: int
    size: int
    content_type: str
    url: str


class ImageShape(TypedDict):
    id: str
    job_id: str
    index: int
    name: str
    size: int
    content_type: str
    width: int
    height: int
    checksum: str | None  # null while its bytes are still to be fetched
    status: str
    uploaded_at: str
    finished_at: str | None
    error: ErrorShape | None
    colors: list[ColorShape]
    placeholder: str
    phash: str | None
    focal_point: PointShape | None
    renditions: list[RenditionShape]
    picture: PictureShape | None
    original_url: str | None
    duplicate_of: str | None
    near_duplicate_of: str | None
    losses: list[str]


class JobShape(TypedDict):
    id: str
    kind: str
    status: str
    total: int
    completed: int
    failed: int
    aborted: int
    created_at: str
    finished_at: str | None
    seq: int
    webhook_url: str | None
    ahead: int | None
    eta_seconds: float | None


def instant(value: datetime) -> str:
    """RFC 3339 in UTC, to the millisecond: `2026-11-20T22:39:41.123Z`."""
    return value.strftime("%Y-%m-%dT%H:%M:%S.") + f"{value.microsecond // 1000:03d}Z"


def error_shape(code: str, detail: str) -> ErrorShape | None:
    return {"code": code, "detail": detail} if code else None


def image_shape(image: Image, plan: Gives | None = None) -> ImageShape:
    """The image as its owner's plan shows it, in answers; without a plan as its job made it, in events."""
    original = image.has_original and image.keeps_original
    renditions = [rendition_shape(image.key, rendition) for rendition in image.renditions]
    point = image.focal_point
    shape: ImageShape = {
        "id": str(image.id),
        "job_id": str(image.job_id),
        "index": image.index,
        "name": image.name,
        "size": image.size,
        "content_type": image.content_type,
        "width": image.width,
        "height": image.height,
        "checksum": f"sha256:{image.checksum}" if image.checksum else None,
        "status": image.status,
        "uploaded_at": instant(image.uploaded_at),
        "finished_at": instant(image.finished_at) if image.finished_at else None,
        "error": error_shape(image.error_code, image.error_detail),
        "colors": image.colors,
        "placeholder": image.placeholder,
        "phash": image.phash_hex,
        "focal_point": {"x": point[0], "y": point[1]} if point else None,
        "renditions": renditions,
        "picture": picture_shape(image.width, image.height, renditions),
        "original_url": below_prefix(f"/api/images/{image.id}/original") if original else None,
        "duplicate_of": str(image.duplicate_of_id) if image.duplicate_of_id else None,
        "near_duplicate_of": str(image.near_duplicate_of_id) if image.near_duplicate_of_id else None,
        "losses": image.losses,
    }
    return shape if plan is None else as_given(shape, plan)


def as_given(shape: ImageShape, plan: Gives) -> ImageShape:
    """An image as a plan shows it, with its addresses as the request at hand reaches them.

    What the plan gives no more is hidden, not lost: the next one may give it.
    """
    given = [each for each in shape["renditions"] if is_given(each["name"], plan)]
    renditions: list[RenditionShape] = [{**each, "url": below_prefix(each["url"])} for each in given]
    original = shape["original_url"] if plan.keeps_original else None
    return {
        **shape,
        "renditions": renditions,
        "picture": picture_shape(shape["width"], shape["height"], renditions),
        "original_url": below_prefix(original) if original else None,
    }


def is_given(name: str, plan: Gives) -> bool:
    kind, _, height = name.partition("-")
    return kind != "thumbnail" or not height.isdigit() or int(height) in plan.thumbnail_heights


def rendition_shape(key: str, rendition: dict[str, Any]) -> RenditionShape:
    """The row keeps a rendition's file name; the world sees its URL."""
    return {
        "name": rendition["name"],
        "version": rendition["version"],
        "animated": rendition["animated"],
        "width": rendition["width"],
        "height": rendition["height"],
        "size": rendition["size"],
        "content_type": rendition["content_type"],
        "url": storage.rendition_url(key, rendition["file"]),
    }


def job_shape(job: Job, at: Job | Event | None = None, outlook: Outlook | None = None) -> JobShape:
    """A job as it is, or as it was when the event `at` was written; its `outlook` where asked for."""
    at = at or job
    return {
        "id": str(job.id),
        "kind": job.kind,
        "status": at.status,
        "total": job.total,
        "completed": at.completed,
        "failed": at.failed,
        "aborted": at.aborted,
        "created_at": instant(job.created_at),
        "finished_at": instant(at.finished_at) if at.finished_at else None,
        "seq": at.seq,
        "webhook_url": job.webhook_url or None,
        "ahead": outlook.ahead if outlook else None,
        "eta_seconds": outlook.eta_seconds if outlook else None,
    }


def event_frame(event: Event) -> dict[str, Any]:
    """What the job's socket sends for this event, and what its log gives again."""
    frame: dict[str, Any] = {"type": event.type, "seq": event.seq, "job": job_shape(event.job, event)}
    if event.type == "job.progress":
        frame["images"] = json.loads(event.images)
    return frame
