"""Messages to receivers, written in the transaction of what they tell."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

import httpx
from django.db import transaction
from django.db.models.functions import Now
from django.utils import timezone

from processing.models import Delivery, Endpoint, Image, Job, Status
from processing.news.representations import instant
from processing.queue import dispatch
from processing.webhooks import events
from processing.webhooks.events import EventType

if TYPE_CHECKING:
    import uuid

    from processing.news.push import News

TASK = "deliver_webhooks"
QUEUE = "webhooks"
# How long a message of images waits for more of its job.
GATHERING = timedelta(seconds=5)

_OF_STATUS = {Status.COMPLETED: events.IMAGE_COMPLETED, Status.FAILED: events.IMAGE_FAILED}

# Shared with others who tell, but not with whoever removes or disables it: a message is never written to an
# endpoint that is gone.
_LISTENING = """
SELECT * FROM processing_endpoint
WHERE owner_id = ANY(%s) AND disabled_at IS NULL AND events && %s::varchar[] ORDER BY id FOR SHARE
"""


class _Place(NamedTuple):
    """Where in its job a message belongs: those to one receiver are sent in this order."""

    job_id: uuid.UUID
    owner_id: int
    seq: int


def enqueue(news: Iterable[News], changed: Iterable[Image]) -> None:
    """Writes a message for everybody who wants to know; call it in the transaction of the events."""
    awaited = {item.job_id: item for item in news if item.awaited}
    if not awaited:
        return
    by_event: dict[EventType, list[Image]] = {}
    for image in changed:
        if image.job_id in awaited and (event := _OF_STATUS.get(Status(image.status))):
            by_event.setdefault(event, []).append(image)
    finished = [job_id for job_id, item in awaited.items() if item.finished]
    told = [*map(str, by_event), *([events.JOB_FINISHED.name] if finished else [])]
    if not told:
        return
    listening = _listening({item.owner_id for item in awaited.values()}, told)
    places = {job_id: _Place(job_id, item.owner_id, item.seq) for job_id, item in awaited.items()}
    for event, images in by_event.items():
        _gather(event, images, places, listening)
    if finished:
        _let_go(finished)
        _tell_finished(finished, listening)
    transaction.on_commit(ring)


def job_created(job: Job) -> None:
    """Tells that the job begins; call it in the transaction that writes it."""
    event = events.JOB_CREATED
    listening = _listening({job.owner_id}, [event.name])
    if listening:
        text = events.of_job(event, instant(job.created_at), job)
        place = _Place(job.id, job.owner_id, 0)
        _write(_message(endpoint, event, place, text) for endpoint in listening)


def images_moved(event: EventType, image_ids: Sequence[uuid.UUID], owners: Iterable[int]) -> None:
    """Tells that images were deleted or restored; call it in the transaction that did it."""
    listening = _listening(set(owners), [event.name]) if image_ids else []
    if not listening:
        return
    images = list(Image.objects.filter(id__in=image_ids).select_related("job").order_by("job_id", "index"))
    places = {image.job_id: _Place(image.job_id, image.owner_id, image.job.seq) for image in images}
    _gather(event, images, places, listening, at_once=True)
    transaction.on_commit(ring)


def test(endpoint: Endpoint) -> Delivery:
    """Sends a message that says nothing, also to an endpoint that is disabled."""
    text = events.body(events.TEST, instant(timezone.now()), {"endpoint_id": str(endpoint.id)})
    with transaction.atomic():
        delivery = _message(endpoint, events.TEST, None, text)
        _write([delivery])
    delivery.refresh_from_db()
    return delivery


def ring() -> None:
    """Wakes a sender. A hint: beat rings every two seconds, too."""
    dispatch.ring(TASK, QUEUE)


def receiver_of(url: str) -> str:
    """What is slow or down together: scheme, host and port."""
    try:
        parts = httpx.URL(url)
    except httpx.InvalidURL:
        return ""
    return f"{parts.scheme}://{parts.netloc.decode()}"


def _listening(owners: set[int], told: Sequence[str]) -> list[Endpoint]:
    return list(Endpoint.objects.raw(_LISTENING, [list(owners), list(told)]))


def _write(messages: Iterable[Delivery]) -> None:
    Delivery.objects.bulk_create(messages)
    transaction.on_commit(ring)


def _message(
    endpoint: Endpoint, event: EventType, place: _Place | None, text: str, **values: Any
) -> Delivery:
    return Delivery(
        owner_id=endpoint.owner_id,
        endpoint=endpoint,
        url=endpoint.url,
        receiver=receiver_of(endpoint.url),
        event=event.name,
        job_id=place.job_id if place else None,
        seq=place.seq if place else 0,
        body=text,
        **values,
    )


def _tell_finished(finished: Sequence[uuid.UUID], listening: Sequence[Endpoint]) -> None:
    event = events.JOB_FINISHED
    messages = []
    for job in Job.objects.filter(id__in=finished):
        assert job.finished_at is not None
        text = events.of_job(event, instant(job.finished_at), job)
        place = _Place(job.id, job.owner_id, job.seq)
        messages += [
            _message(endpoint, event, place, text)
            for endpoint in listening
            if endpoint.owner_id == job.owner_id and event.name in endpoint.events
        ]
        if job.webhook_url:
            to_its_own = Endpoint(owner_id=job.owner_id, url=job.webhook_url)
            messages.append(_message(to_its_own, event, place, text, endpoint_id=None))
    _write(messages)


# Gathering


def _gather(
    event: EventType,
    images: Iterable[Image],
    places: dict[uuid.UUID, _Place],
    listening: Sequence[Endpoint],
    *,
    at_once: bool = False,
) -> None:
    by_job: dict[uuid.UUID, list[Image]] = {}
    for image in images:
        by_job.setdefault(image.job_id, []).append(image)
    for job_id, some in by_job.items():
        briefs = [event.image(image) for image in some]
        for endpoint in listening:
            if endpoint.owner_id == some[0].owner_id and event.name in endpoint.events:
                _add(endpoint, event, places[job_id], briefs, at_once=at_once)


def _add(
    endpoint: Endpoint, event: EventType, place: _Place, briefs: list[dict[str, Any]], *, at_once: bool
) -> None:
    """Adds images to the message that still waits for some, and writes more messages for the others.

    The job's row is locked by its event: nobody else gathers for it meanwhile. A sender that has taken the
    message has it for good.
    """
    waiting = Delivery.objects.select_for_update(skip_locked=True).filter(
        endpoint=endpoint, event=event.name, job_id=place.job_id, gathers=True, attempt=0, lease_until=None
    )
    last = None if at_once else waiting.order_by("id").last()
    gathered = json.loads(last.body)["data"]["images"] if last else []
    parts = list(_parted([*gathered, *briefs]))
    new = []
    for number, part in enumerate(parts):
        more = number == len(parts) - 1 and len(part) < events.MOST_IMAGES and not at_once
        text = events.of_images(event, instant(timezone.now()), str(place.job_id), part)
        if number == 0 and last:
            last.body, last.gathers = text, more
            last.due_at = last.due_at if more else timezone.now()
            last.save(update_fields=["body", "gathers", "due_at"])
        else:
            due = {"due_at": timezone.now() + GATHERING} if more else {}
            new.append(_message(endpoint, event, place, text, gathers=more, **due))
    Delivery.objects.bulk_create(new)


def _parted(briefs: Iterable[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    """In parts that each fit into a message."""
    part: list[dict[str, Any]] = []
    size = 0
    for brief in briefs:
        length = len(json.dumps(brief, separators=(",", ":"), ensure_ascii=False).encode()) + 1
        if part and (len(part) == events.MOST_IMAGES or size + length > events.MOST_BYTES):
            yield part
            part, size = [], 0
        part.append(brief)
        size += length
    if part:
        yield part


def _let_go(finished: Sequence[uuid.UUID]) -> None:
    """No more images come: what was gathered goes now."""
    Delivery.objects.filter(job_id__in=finished, gathers=True).update(gathers=False, due_at=Now())
