"""The order of steps from a derivation to its renditions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from processing.jobs import derivations as derive
from processing.models import UNFINISHED, Status
from processing.queue.claims import Claim
from processing.worker.pipeline import develop, patiently, work

if TYPE_CHECKING:
    import uuid
    from collections.abc import Iterable


def process(ids: Iterable[uuid.UUID]) -> int:
    """Works through those of these derivations that are free, one by one; returns how many it took.

    Images that wait for their first renditions come before each of them.
    """
    count = 0
    for derivation_id in ids:
        work()
        count += _take(derivation_id)
    return count


def _take(derivation_id: uuid.UUID) -> bool:
    work = patiently(lambda: derive.claim(derivation_id))
    if work is None:
        return False
    try:
        _do(work)
    except BaseException:  # told to stop: another worker has it at once
        patiently(lambda: derive.release(work.derivation, counted=False))
        raise
    return True


def _do(work: derive.Work) -> None:
    image, row = work.image, work.derivation
    if image.status in UNFINISHED:
        patiently(lambda: derive.release(row, counted=False))
    elif image.status != Status.COMPLETED:
        detail = image.error_detail or "The image was aborted."
        patiently(lambda: derive.fail(row, Status(image.status), image.error_code or "aborted", detail))
    elif derive.is_complete(work):
        patiently(lambda: derive.settle(work, []))
    else:
        _make(work)


def _make(work: derive.Work) -> None:
    image, row = work.image, work.derivation
    image.attempt = row.attempt  # of this work, not of the first one; the instance is never saved
    outcome = develop(Claim(image=image, recipes=[recipe.to_json() for recipe in work.lacking], twin=None))
    if outcome is None:
        patiently(lambda: derive.release(row, counted=True))
    elif outcome.status == Status.COMPLETED:
        patiently(lambda: derive.settle(work, outcome.renditions, outcome.losses))
    else:
        patiently(lambda: derive.fail(row, outcome.status, outcome.error_code, outcome.error_detail))
