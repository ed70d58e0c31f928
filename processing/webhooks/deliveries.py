"""Messages on their way: taken one by one, tried again after growing pauses, kept in a log for a while.

After Standard Webhooks 1.0.0. The back-off is a time in the row, so it lasts over days and restarts.
"""

from __future__ import annotations

import random
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Now
from django.utils import timezone

from processing.models import Delivery
from processing.plumbing import metrics
from processing.webhooks import endpoints, events
from processing.webhooks.outbox import ring

if TYPE_CHECKING:
    from django.db.models import QuerySet

# What Standard Webhooks proposes: at once, then after these seconds, three and a half days in all.
PAUSES = [5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400]
_LONGEST_WAIT = 86_400.0
_GONE = 410
KEPT = timedelta(days=30)
_MOST_REPLAYED = 1000


def replay(chosen: QuerySet[Delivery]) -> int:
    """Sends messages again, under their old ids, but those that are still on their way; returns how many."""
    ended = chosen.exclude(status=Delivery.Status.PENDING).order_by("id")[:_MOST_REPLAYED]
    again = Delivery.objects.filter(id__in=list(ended.values_list("id", flat=True)))
    with transaction.atomic():
        count = again.exclude(status=Delivery.Status.PENDING).update(
            status=Delivery.Status.PENDING,
            attempt=0,
            due_at=Now(),
            lease_until=None,
            finished_at=None,
            last_error="",
        )
        if count:
            transaction.on_commit(ring)
    return count


def purge() -> int:
    """Forgets messages that ended long ago."""
    old = Delivery.objects.filter(finished_at__lt=timezone.now() - KEPT)
    return old.delete()[0]


# Sending

# The one that is due longest, of a receiver that nobody is talking to: a slow one holds one sender, no more.
# Messages of one job reach a receiver in order: none is taken while an earlier one is still on its way.
_CLAIM = """
UPDATE processing_delivery SET attempt = attempt + 1, lease_until = now() + %s, gathers = false
WHERE id = (
    SELECT d.id FROM processing_delivery d
    WHERE d.status = 'pending' AND d.due_at <= now() AND (d.lease_until IS NULL OR d.lease_until < now())
      AND NOT EXISTS (SELECT 1 FROM processing_delivery busy
          WHERE busy.owner_id = d.owner_id AND busy.receiver = d.receiver AND busy.status = 'pending'
            AND busy.lease_until >= now())
      AND NOT EXISTS (SELECT 1 FROM processing_delivery earlier
          WHERE earlier.job_id = d.job_id AND earlier.status = 'pending' AND earlier.url = d.url
            AND earlier.endpoint_id IS NOT DISTINCT FROM d.endpoint_id
            AND (earlier.seq, earlier.id) < (d.seq, d.id))
    ORDER BY d.due_at, d.seq, d.id LIMIT 1 FOR UPDATE SKIP LOCKED
) RETURNING *
"""


def claim_due() -> Delivery | None:
    """Takes one message that is due, under a lease; None where nobody waits for one.

    A message whose senders died at every try ends here.
    """
    lease = timedelta(seconds=settings.WEBHOOK_SECONDS + 30)
    while found := list(Delivery.objects.raw(_CLAIM, [lease])):
        if found[0].attempt <= len(PAUSES) + 1:
            return found[0]
        settle(found[0], None, "gave_up")
    return None


def is_any_due() -> bool:
    free = Q(lease_until=None) | Q(lease_until__lt=Now())
    return Delivery.objects.filter(free, status=Delivery.Status.PENDING, due_at__lte=Now()).exists()


def release(delivery: Delivery) -> None:
    """Gives up a try that was interrupted; it does not count."""
    _held(delivery).update(attempt=delivery.attempt - 1, lease_until=None)


def settle(
    delivery: Delivery, status: int | None, error: str, *, retry_after: float | None = None, **heads: Any
) -> None:
    """Writes how a try ended: `status` is the answer's, None where there was none; `heads` what was said.

    2xx is success; everything else, redirects too, is tried again at the row's next time, except 410 and an
    address that is not allowed.
    """
    with transaction.atomic():
        if status is not None and 200 <= status < 300:
            if _write(delivery, status, "", ended=Delivery.Status.DELIVERED, heads=heads):
                _delivered(delivery)
        elif status == _GONE or error == "blocked_address" or delivery.attempt > len(PAUSES):
            if _write(delivery, status, error or "gave_up", ended=Delivery.Status.FAILED, heads=heads):
                _disable(delivery, status, error)
        else:
            _write(delivery, status, error, pause=_pause(delivery.attempt, retry_after), heads=heads)


def _pause(attempt: int, asked: float | None) -> timedelta:
    seconds = PAUSES[attempt - 1] * random.uniform(1.0, 1.1)
    return timedelta(seconds=max(seconds, min(asked or 0.0, _LONGEST_WAIT)))


def _held(delivery: Delivery) -> QuerySet[Delivery]:
    """The lease is the fence, to the microsecond: a sender that lost it, and comes late, changes nothing.

    Not the number of the try: a replay begins to count anew.
    """
    return Delivery.objects.filter(
        id=delivery.id, status=Delivery.Status.PENDING, lease_until=delivery.lease_until
    )


def _write(
    delivery: Delivery,
    status: int | None,
    error: str,
    *,
    heads: dict[str, Any],
    ended: str = Delivery.Status.PENDING,
    pause: timedelta | None = None,
) -> bool:
    now = timezone.now()
    written = _held(delivery).update(
        status=ended,
        lease_until=None,
        last_status=status,
        last_error=error,
        due_at=now + pause if pause else delivery.due_at,
        finished_at=None if ended == Delivery.Status.PENDING else now,
        **heads,
    )
    if written:
        result = "again" if ended == Delivery.Status.PENDING else ended
        transaction.on_commit(partial(metrics.add, "imageapi_webhooks_total", result=result))
    return bool(written)


def _delivered(delivery: Delivery) -> None:
    if delivery.endpoint and delivery.event == events.TEST.name:
        endpoints.enable(delivery.endpoint)


def _disable(delivery: Delivery, status: int | None, error: str) -> None:
    """An endpoint that is gone, or took nothing for days, is told no more."""
    endpoint = delivery.endpoint
    if endpoint is None or delivery.event == events.TEST.name:
        return
    later = endpoint.deliveries.filter(status=Delivery.Status.DELIVERED, finished_at__gt=delivery.created_at)
    if status == _GONE:
        endpoints.disable(endpoint, "it answered 410 (Gone).")
    elif error == "blocked_address":
        endpoints.disable(endpoint, "its address is not one that may be called.")
    elif not later.exists():
        endpoints.disable(endpoint, "it took no message for three and a half days.")
