"""What an operator should look at, in four short tables: the front page of the administration."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings
from django.contrib.humanize.templatetags.humanize import intcomma
from django.db.models import Count, Q, Sum
from django.template.defaultfilters import filesizeformat
from django.utils import timezone

from processing.accounts.models import User
from processing.models import Delivery, Endpoint, Image, Job, Status
from processing.upkeep import backlog

_STALE = 30.0  # seconds without a sign of beat, broker and a worker
_LITTLE_ROOM = 0.1  # of the disk
_LATE = 60.0  # seconds an image may wait before somebody should look


@dataclass(frozen=True, slots=True)
class Line:
    """One fact; `bad` asks for attention, `url` leads to the rows behind it."""

    label: str
    value: str
    bad: bool = False
    url: str = ""


def overview() -> dict[str, list[Line]]:
    return {
        "Service": [_pulse(), _disk(), *_webhooks()],
        "Waiting": _waiting(),
        "Failures of the last hour": _failures(),
        "Stored": _stored(),
    }


def _pulse() -> Line:
    age = backlog.pulse_age()
    late = age is None or age > _STALE
    seen = "never seen" if age is None else f"seen {age:.0f} s ago"
    return Line("Beat, queue and workers", f"{seen}" + (": not running?" if late else ""), bad=late)


def _disk() -> Line:
    if not settings.MEDIA_ROOT.exists():
        return Line("Free disk for media", "no folder yet")
    usage = shutil.disk_usage(settings.MEDIA_ROOT)
    free = f"{filesizeformat(usage.free)} of {filesizeformat(usage.total)}"
    return Line("Free disk for media", free, bad=usage.free < _LITTLE_ROOM * usage.total)


def _webhooks() -> list[Line]:
    late = Delivery.objects.filter(status=Delivery.Status.PENDING, attempt__gt=1).count()
    off = Endpoint.objects.exclude(disabled_at=None).count()
    return [
        Line("Webhook messages tried again", intcomma(late), late > 0, "processing/delivery/?status=pending"),
        Line("Webhook receivers switched off", intcomma(off), off > 0, "processing/endpoint/"),
    ]


def _waiting() -> list[Line]:
    lines = []
    for row in backlog.unfinished()[0]:
        if row.images:
            value = f"{intcomma(row.images)}, the oldest for {row.oldest:.0f} s"
            url = f"processing/image/?status__exact={row.status}"
            lines.append(Line(f"{row.queue}, {row.status}", value, row.oldest > _LATE, url))
    return lines or [Line("Images", "none")]


def _failures() -> list[Line]:
    since = timezone.now() - timedelta(hours=1)
    failed = Image.objects.filter(status=Status.FAILED, finished_at__gte=since)
    codes = failed.values("error_code").annotate(images=Count("id")).order_by("-images")[:10]
    url = "processing/image/?status__exact=failed"
    lines = [Line(row["error_code"], intcomma(row["images"]), bad=True, url=url) for row in codes]
    return lines or [Line("Images", "none")]


def _stored() -> list[Line]:
    used = User.objects.aggregate(bytes=Sum("used_bytes"), accounts=Count("id", filter=Q(used_bytes__gt=0)))
    running = Job.objects.filter(finished_at=None).count()
    return [
        Line("Originals", filesizeformat(used["bytes"] or 0)),
        Line("Accounts with pictures", intcomma(used["accounts"]), url="processing/user/?o=-4"),
        Line("Jobs under way", intcomma(running), url="processing/job/?status__exact=processing"),
    ]
