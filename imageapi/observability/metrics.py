"""`GET /metrics`: this web process's own numbers, and those of the whole installation, as Prometheus text."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import TypeVar

import redis
from django.db import DatabaseError
from django.db.models import Count, Sum
from django.db.models.functions import Coalesce
from django.http import HttpRequest, HttpResponse
from kombu.exceptions import OperationalError
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from processing.models import ResumableUpload
from processing.plumbing import metrics
from processing.upkeep import backlog, capacity
from uploads.api.methods import SAFE, only

Found = TypeVar("Found")

# Of this process: Prometheus asks every web server and adds them up.
REQUESTS = Counter("imageapi_http_requests", "Answers, by route and status.", ["method", "route", "status"])
REQUEST_SECONDS = Histogram(
    "imageapi_http_request_seconds",
    "From the request's last byte to the answer's.",
    ["route"],
    buckets=metrics.BUCKETS,
)
IN_FLIGHT = Gauge("imageapi_http_requests_in_flight", "Requests being answered now.")
SOCKETS_DROPPED = Counter("imageapi_sockets_dropped", "Sockets whose client stopped reading.")

# Of the installation: every web server gives the same numbers, so take `max`, not `sum`.
COUNTERS = {
    "imageapi_images_total": "Images that reached a final state, by state and error code.",
    "imageapi_pushes_dropped_total": "Pushes the channel layer did not take; their readers find the log.",
    "imageapi_resumable_uploads_total": "Resumable uploads, by event: created, resumed, and each end.",
    "imageapi_resumable_bytes_total": "Bytes that came in by them.",
    "imageapi_webhooks_total": "Webhook deliveries, by result.",
}
HISTOGRAMS = {"imageapi_step_seconds": "Time of one image's step; a commit is that of a whole flush."}


class Installation(Collector):
    """Asked anew at every scrape. A part that does not answer is missing, and `imageapi_up` says so."""

    def describe(self) -> Iterator[Metric]:
        """Nothing: asked for names at import, the registry would otherwise collect, from the database too."""
        return iter(())

    def collect(self) -> Iterator[Metric]:
        up = GaugeMetricFamily("imageapi_up", "Whether the numbers of this part are there.", labels=["part"])
        for part, collect in PARTS.items():
            found = _tried(collect)
            up.add_metric([part], float(found is not None))
            yield from found or ()
        yield up


def _tried(collect: Callable[[], list[Metric]]) -> list[Metric] | None:
    try:
        return collect()
    except (DatabaseError, redis.RedisError, OperationalError, OSError):
        return None


def _of_rows() -> list[Metric]:
    depth = GaugeMetricFamily(
        "imageapi_images_unfinished", "Images waiting or in work.", labels=["queue", "status"]
    )
    oldest = GaugeMetricFamily(
        "imageapi_oldest_unfinished_seconds", "Age of the oldest of them.", labels=["queue", "status"]
    )
    waiting = GaugeMetricFamily(
        "imageapi_oldest_waiting_seconds", "Age of the oldest image that waits.", labels=["plan", "queue"]
    )
    unfinished, waits = backlog.unfinished()
    for found in unfinished:
        depth.add_metric([found.queue, found.status], found.images)
        oldest.add_metric([found.queue, found.status], found.oldest)
    for each in waits:
        waiting.add_metric([each.plan, each.queue], each.oldest)
    pulse = GaugeMetricFamily("imageapi_pulse_age_seconds", "Since the sweeper's last round.")
    if (age := backlog.pulse_age()) is not None:
        pulse.add_metric([], age)
    return [depth, oldest, waiting, pulse, *_of_uploads()]


def _of_uploads() -> list[Metric]:
    uploads = ResumableUpload.objects.filter(state=ResumableUpload.State.OPEN)
    found = uploads.aggregate(count=Count("id"), bytes=Coalesce(Sum("offset"), 0))
    unfinished = GaugeMetricFamily(
        "imageapi_resumable_open", "Resumable uploads that are not whole yet.", value=found["count"]
    )
    lying = GaugeMetricFamily("imageapi_resumable_open_bytes", "Bytes of theirs.", value=found["bytes"])
    return [unfinished, lying]


def _of_capacity() -> list[Metric]:
    disk, (images, size) = capacity.disk(), capacity.trash()
    return [
        *([_gauge("imageapi_disk_free_bytes", "Room for media.", disk.free)] if disk else ()),
        *([_gauge("imageapi_disk_bytes", "Size of the disk of the media.", disk.total)] if disk else ()),
        _gauge("imageapi_trash_images", "Deleted images that can still be restored.", images),
        _gauge("imageapi_trash_bytes", "Size of what was uploaded as them.", size),
        _by_account("imageapi_account_unfinished", "Unfinished images of the busiest.", capacity.busiest()),
        _by_account("imageapi_account_bytes", "Storage that the largest use.", capacity.largest()),
    ]


def _gauge(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(name, text, value=value)


def _by_account(name: str, text: str, numbers: list[tuple[str, int]]) -> Metric:
    family = GaugeMetricFamily(name, text, labels=["account"])
    for account, value in numbers:
        family.add_metric([account], value)
    return family


def _of_broker() -> list[Metric]:
    waiting = GaugeMetricFamily("imageapi_queue_messages", "Messages in the broker.", labels=["queue"])
    for queue, count in backlog.messages().items():
        waiting.add_metric([queue], count)
    return [waiting]


def _of_counters() -> list[Metric]:
    numbers = metrics.read()
    return [_counter(name, text, numbers) for name, text in COUNTERS.items()] + [
        _histogram(name, text, numbers) for name, text in HISTOGRAMS.items()
    ]


def _counter(name: str, text: str, numbers: dict[metrics.Series, float]) -> Metric:
    own = {series.labels: value for series, value in numbers.items() if series.name == name}
    keys = [key for key, _ in next(iter(own), ())]
    family = CounterMetricFamily(name, text, labels=keys)
    for labels, value in own.items():
        family.add_metric([value_of for _, value_of in labels], value)
    if not own:
        family.add_metric([], 0)
    return family


def _histogram(name: str, text: str, numbers: dict[metrics.Series, float]) -> Metric:
    """Redis holds each bucket by itself; Prometheus wants them added up from the lowest."""
    buckets: defaultdict[tuple[tuple[str, str], ...], dict[str, float]] = defaultdict(dict)
    sums: dict[tuple[tuple[str, str], ...], float] = {}
    for series, value in numbers.items():
        if series.name == name:
            rest = tuple(label for label in series.labels if label[0] != "le")
            buckets[rest][dict(series.labels)["le"]] = value
        elif series.name == f"{name}_sum":
            sums[series.labels] = value
    keys = [key for key, _ in next(iter(buckets), ())]
    family = HistogramMetricFamily(name, text, labels=keys)
    for labels, counts in buckets.items():
        total, rising = 0.0, []
        for edge in map(str, metrics.BUCKETS):
            total += counts.get(edge, 0.0)
            rising.append(("+Inf" if edge == "inf" else edge, total))
        family.add_metric([value for _, value in labels], rising, sums.get(labels, 0.0))
    return family


PARTS: dict[str, Callable[[], list[Metric]]] = {
    "database": _of_rows,
    "capacity": _of_capacity,
    "broker": _of_broker,
    "counters": _of_counters,
}
REGISTRY.register(Installation())


@only(*SAFE)
def metrics_view(_request: HttpRequest) -> HttpResponse:
    return HttpResponse(generate_latest(REGISTRY), content_type=CONTENT_TYPE_LATEST)
