"""How long each step of an image took: one line an image, a histogram over all."""

from __future__ import annotations

import functools
import logging
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from processing.plumbing import metrics, request_id

if TYPE_CHECKING:
    import uuid
    from collections.abc import Callable, Iterator, Sequence

    from processing.ledger import Outcome
    from processing.queue.claims import Claim

logger = logging.getLogger(__name__)

_MOST_KEPT = 1000
STEPS = "fetch", "render", "store", "commit"


class _Current:
    """The image in hand. A pool process works on one at a time, so there is one of these a process."""

    laps: dict[str, float] = {}
    kept: dict[uuid.UUID, tuple[Claim, dict[str, float]]] = {}


@contextmanager
def lap(step: str) -> Iterator[None]:
    """Times a step of the image in hand, also where it fails."""
    started = time.perf_counter()
    try:
        yield
    finally:
        spent = time.perf_counter() - started
        _Current.laps[step] = _Current.laps.get(step, 0.0) + spent


def of_image(develop: Callable[[Claim], Outcome | None]) -> Callable[[Claim], Outcome | None]:
    """Keeps what the steps inside take, until `told` writes it; log lines inside carry the request's id."""

    @functools.wraps(develop)
    def timed(held: Claim) -> Outcome | None:
        token = request_id.request_id.set(held.request_id)
        _Current.laps = {}
        try:
            outcome = develop(held)
            if outcome is None:
                _tell(held, "again", {})
            else:
                _Current.kept[held.image.id] = held, _Current.laps
                while len(_Current.kept) > _MOST_KEPT:  # not everyone who makes an image tells it
                    _Current.kept.pop(next(iter(_Current.kept)))
            return outcome
        finally:
            request_id.request_id.reset(token)

    return timed


def told(outcomes: Sequence[Outcome], commit: float) -> None:
    """Writes a line for each image just committed, in one transaction that took `commit` seconds."""
    for outcome in outcomes:
        held, laps = _Current.kept.pop(outcome.id, (None, {}))
        if held is None:
            continue
        for step, seconds in laps.items():
            metrics.observe("imageapi_step_seconds", seconds, step=step)
        token = request_id.request_id.set(held.request_id)
        error = {"code": outcome.error_code} if outcome.error_code else {}
        _tell(held, outcome.status, {**laps, "commit": commit}, **error)
        request_id.request_id.reset(token)
    if outcomes:
        metrics.observe("imageapi_step_seconds", commit, step="commit")


def _tell(held: Claim, status: str, laps: dict[str, float], **more: Any) -> None:
    image = held.image
    steps = {f"{step}_ms": round(laps[step] * 1000, 1) for step in STEPS if step in laps}
    fields = {"image": image.id, "job": image.job_id, "attempt": image.attempt, "status": status}
    logger.info("image", extra={**fields, **more, **steps})
