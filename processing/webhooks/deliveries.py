"""Messages to receivers: written with the event that they tell, sent by whoever is free.

After Standard Webhooks 1.0.0. The back-off is a time in the row, so it lasts over days and restarts.
"""

from __future__ import annotations

import base64
import json
import random
import secrets
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

import httpx
from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Now
from django.utils import timezone

from processing.models import Delivery, Endpoint, Job, SigningSecret, Status, WebhookEvent
from processing.news.representations import error_shape, instant, job_shape
from processing.plumbing import metrics
from processing.queue import dispatch

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from processing.models import Image
    from processing.news.push import News

TASK = "deliver_webhooks"
QUEUE = "webhooks"
# What Standard Webhooks proposes: at once, then after these seconds, three and a half days in all.
PAUSES = [5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400]
_LONGEST_WAIT = 86_400.0
_GONE = 410
KEPT = timedelta(days=30)


# Telling


def enqueue(news: Iterable[News], changed: Iterable[Image]) -> None:
    """Writes a message for everybody who wants to know; call it in the transaction of the events."""
    awaited = {item.job_id: item.finished for item in news if item.awaited}
    finished = [job_id for job_id, is_finished in awaited.items() if is_finished]
    failed = [image for image in changed if image.status == Status.FAILED and image.job_id in awaited]
    if not finished and not failed:
        return
    jobs = list(Job.objects.filter(id__in=finished))
    owners = {job.owner_id for job in jobs} | {image.owner_id for image in failed}
    endpoints = list(Endpoint.objects.filter(owner_id__in=owners, disabled_at=None))
    deliveries = [delivery for job in jobs for delivery in _of_job(job, endpoints)]
    deliveries += [delivery for image in failed for delivery in _of_image(image, endpoints)]
    if deliveries:
        Delivery.objects.bulk_create(deliveries)
        transaction.on_commit(ring)


def _of_job(job: Job, endpoints: Sequence[Endpoint]) -> list[Delivery]:
    event = WebhookEvent.JOB_FINISHED
    assert job.finished_at is not None
    body = _body(event, instant(job.finished_at), job_shape(job))
    make = partial(Delivery, owner_id=job.owner_id, job=job, event=event, body=body)
    found = [
        make(endpoint=endpoint, url=endpoint.url, receiver=receiver_of(endpoint.url))
        for endpoint in endpoints
        if endpoint.owner_id == job.owner_id and event in endpoint.events
    ]
    if job.webhook_url:
        found.append(make(url=job.webhook_url, receiver=receiver_of(job.webhook_url)))
    return found


def _of_image(image: Image, endpoints: Sequence[Endpoint]) -> list[Delivery]:
    event = WebhookEvent.IMAGE_FAILED
    data = {
        "id": str(image.id),
        "job_id": str(image.job_id),
        "index": image.index,
        "name": image.name,
        "status": image.status,
        "error": error_shape(image.error_code, image.error_detail),
    }
    body = _body(event, instant(image.finished_at or timezone.now()), data)
    return [
        Delivery(
            owner_id=image.owner_id,
            job_id=image.job_id,
            event=event,
            body=body,
            endpoint=endpoint,
            url=endpoint.url,
            receiver=receiver_of(endpoint.url),
        )
        for endpoint in endpoints
        if endpoint.owner_id == image.owner_id and event in endpoint.events
    ]


def _body(event: str, timestamp: str, data: Any) -> str:
    return json.dumps({"type": event, "timestamp": timestamp, "data": data}, separators=(",", ":"))


def receiver_of(url: str) -> str:
    """What is slow or down together: scheme, host and port."""
    try:
        parts = httpx.URL(url)
    except httpx.InvalidURL:
        return ""
    return f"{parts.scheme}://{parts.netloc.decode()}"


def ring() -> None:
    """Wakes a sender. A hint: beat rings every two seconds, too."""
    dispatch.ring(TASK, QUEUE)


# Keeping

_PREFIX = "whsec_"


def new_secret() -> str:
    return _PREFIX + base64.b64encode(secrets.token_bytes(32)).decode()


def register(owner_id: int, url: str, events: Sequence[str]) -> Endpoint:
    """A receiver for an account's events, with its secret."""
    return Endpoint.objects.create(
        owner_id=owner_id, url=url, events=sorted(set(events)), secret=new_secret()
    )


def remove(endpoint: Endpoint) -> None:
    """No more messages to it, not even those that wait; what was sent stays in the log."""
    with transaction.atomic():
        _end_waiting(endpoint, "endpoint_removed")
        endpoint.delete()


def renew_secret(owner_id: int) -> str:
    """A new secret for the account's `webhook_url` messages; the one before signs nothing from here on."""
    secret = new_secret()
    SigningSecret.objects.update_or_create(
        owner_id=owner_id, defaults={"secret": secret, "created_at": timezone.now()}
    )
    return secret


def secret_of(delivery: Delivery) -> str:
    if delivery.endpoint:
        return delivery.endpoint.secret
    kept, _ = SigningSecret.objects.get_or_create(
        owner_id=delivery.owner_id, defaults={"secret": new_secret()}
    )
    return kept.secret


def replay(delivery: Delivery) -> bool:
    """Sends the message again, under its old id; False while it is still on its way anyway."""
    changed = (
        Delivery.objects.filter(id=delivery.id)
        .exclude(status=Delivery.Status.PENDING)
        .update(
            status=Delivery.Status.PENDING,
            attempt=0,
            due_at=Now(),
            lease_until=None,
            finished_at=None,
            last_error="",
        )
    )
    if changed:
        transaction.on_commit(ring)
    return bool(changed)


def purge() -> int:
    """Forgets messages that ended long ago."""
    old = Delivery.objects.filter(finished_at__lt=timezone.now() - KEPT)
    return old.delete()[0]


# Sending

# The one that is due longest, of a receiver that nobody is talking to: a slow one holds one sender, no more.
_CLAIM = """
UPDATE processing_delivery SET attempt = attempt + 1, lease_until = now() + %s
WHERE id = (
    SELECT d.id FROM processing_delivery d
    WHERE d.status = 'pending' AND d.due_at <= now() AND (d.lease_until IS NULL OR d.lease_until < now())
      AND NOT EXISTS (SELECT 1 FROM processing_delivery busy
          WHERE busy.owner_id = d.owner_id AND busy.receiver = d.receiver AND busy.status = 'pending'
            AND busy.lease_until >= now())
    ORDER BY d.due_at LIMIT 1 FOR UPDATE SKIP LOCKED
) RETURNING *
"""


def claim_due() -> Delivery | None:
    """Takes one message that is due, under a lease; None where nobody waits for one."""
    lease = timedelta(seconds=settings.WEBHOOK_SECONDS + 30)
    found = list(Delivery.objects.raw(_CLAIM, [lease]))
    return found[0] if found else None


def is_any_due() -> bool:
    free = Q(lease_until=None) | Q(lease_until__lt=Now())
    return Delivery.objects.filter(free, status=Delivery.Status.PENDING, due_at__lte=Now()).exists()


def release(delivery: Delivery) -> None:
    """Gives up a try that was interrupted; it does not count."""
    Delivery.objects.filter(id=delivery.id, attempt=delivery.attempt).update(
        attempt=delivery.attempt - 1, lease_until=None
    )


def settle(delivery: Delivery, status: int | None, error: str, *, retry_after: float | None = None) -> None:
    """Writes how a try ended: `status` is the answer's, None where there was none.

    2xx is success; everything else, redirects too, is tried again at the row's next time, except 410 and an
    address that is not allowed.
    """
    with transaction.atomic():
        if status is not None and 200 <= status < 300:
            _write(delivery, status, "", ended=Delivery.Status.DELIVERED)
        elif status == _GONE or error == "blocked_address" or delivery.attempt > len(PAUSES):
            _write(delivery, status, error or "gave_up", ended=Delivery.Status.FAILED)
            _disable(delivery, status)
        else:
            _write(delivery, status, error, pause=_pause(delivery.attempt, retry_after))


def _pause(attempt: int, asked: float | None) -> timedelta:
    seconds = PAUSES[attempt - 1] * random.uniform(1.0, 1.1)
    return timedelta(seconds=max(seconds, min(asked or 0.0, _LONGEST_WAIT)))


def _write(
    delivery: Delivery,
    status: int | None,
    error: str,
    *,
    ended: str = Delivery.Status.PENDING,
    pause: timedelta | None = None,
) -> None:
    """`attempt` is the fence: a sender that lost its lease, and comes back late, changes nothing."""
    now = timezone.now()
    held = Delivery.objects.filter(id=delivery.id, status=Delivery.Status.PENDING, attempt=delivery.attempt)
    written = held.update(
        status=ended,
        lease_until=None,
        last_status=status,
        last_error=error,
        due_at=now + pause if pause else delivery.due_at,
        finished_at=None if ended == Delivery.Status.PENDING else now,
    )
    if written:
        result = "again" if ended == Delivery.Status.PENDING else ended
        transaction.on_commit(partial(metrics.add, "imageapi_webhooks_total", result=result))


def _disable(delivery: Delivery, status: int | None) -> None:
    """An endpoint that is gone, or took nothing for days, is told no more."""
    endpoint = delivery.endpoint
    if endpoint is None:
        return
    later = endpoint.deliveries.filter(status=Delivery.Status.DELIVERED, finished_at__gt=delivery.created_at)
    if status == _GONE or not later.exists():
        Endpoint.objects.filter(id=endpoint.id, disabled_at=None).update(disabled_at=Now())
        _end_waiting(endpoint, "endpoint_disabled")


def _end_waiting(endpoint: Endpoint, reason: str) -> None:
    endpoint.deliveries.filter(status=Delivery.Status.PENDING).update(
        status=Delivery.Status.FAILED, last_error=reason, finished_at=Now(), lease_until=None
    )
