"""The two logs that can be followed, a job's and an account's, and what is asked of them in the database.

A place in a job's log is an event's `seq`, in an account's its `position`; both rise by one with each event.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, NamedTuple, Protocol
from uuid import UUID

from processing import models
from processing.models import Event, EventQuerySet, Job
from processing.news.representations import error_shape, job_shape

_MOST_REPLAYED = 5000
_JOBS_SHOWN = 100


class Snapshot(NamedTuple):
    """How things stand at a place of a log."""

    place: int
    frame: dict[str, Any]


class Log(Protocol):
    """What a follower needs to know of a log; the methods ask the database."""

    @property
    def place(self) -> Literal["seq", "position"]:
        """The name of an event's place."""

    def end(self) -> int: ...

    def after(self, place: int) -> EventQuerySet: ...

    def snapshot(self) -> Snapshot: ...


@dataclass(frozen=True, slots=True)
class JobLog:
    owner_id: int
    job_id: UUID

    place: ClassVar[Literal["seq"]] = "seq"

    def end(self) -> int:
        return Job.objects.values_list("seq", flat=True).get(id=self.job_id)

    def after(self, place: int) -> EventQuerySet:
        return Event.objects.after(self.job_id, place)

    def snapshot(self) -> Snapshot:
        # The job first: images read later can only be newer, and the events that tell it are still to come.
        job = Job.objects.get(id=self.job_id)
        frame = {"type": "job.snapshot", "seq": job.seq, "job": job_shape(job), "images": _standing(job)}
        return Snapshot(job.seq, frame)


@dataclass(frozen=True, slots=True)
class AccountLog:
    owner_id: int

    place: ClassVar[Literal["position"]] = "position"

    def end(self) -> int:
        kept = models.AccountLog.objects.filter(owner_id=self.owner_id)
        return kept.values_list("position", flat=True).first() or 0

    def after(self, place: int) -> EventQuerySet:
        return Event.objects.of_account(self.owner_id, place)

    def snapshot(self) -> Snapshot:
        """The newest jobs as they are now."""
        position = self.end()
        jobs = Job.objects.filter(owner_id=self.owner_id).order_by("-id")[:_JOBS_SHOWN]
        frame = {
            "type": "account.snapshot",
            "position": position,
            "jobs": [job_shape(job) for job in jobs],
        }
        return Snapshot(position, frame)


def log_of(owner_id: int, job_id: UUID | None) -> Log:
    return JobLog(owner_id, job_id) if job_id else AccountLog(owner_id)


def is_kept(log: Log, since: int) -> bool:
    """Whether every event after `since` is still in the log, and `since` is a place of it."""
    end = log.end()
    return 0 <= end - since <= _MOST_REPLAYED and log.after(since).count() >= end - since


def snapshot_text(log: Log) -> tuple[int, str]:
    place, frame = log.snapshot()
    return place, json.dumps(frame)


def _standing(job: Job) -> list[dict[str, Any]]:
    rows = job.derivations if job.kind == Job.Kind.DERIVE else job.images
    ids = "image_id" if job.kind == Job.Kind.DERIVE else "id"
    found = rows.order_by("index").values_list(ids, "index", "status", "error_code", "error_detail")
    return [
        {"id": str(image_id), "index": index, "status": status, "error": error_shape(code, detail)}
        for image_id, index, status, code, detail in found
    ]
