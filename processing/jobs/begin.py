"""How every job begins: its row, and the message to who waits for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from processing.models import Job
from processing.webhooks.outbox import job_created

if TYPE_CHECKING:
    from collections.abc import Sequence

    from processing.imaging.recipes import Recipe


def begin(owner_id: int, kind: str, recipes: Sequence[Recipe], total: int, **more: Any) -> Job:
    """Call it in the transaction that writes the job's images."""
    job = Job.begin(owner_id, kind, recipes, total, **more)
    job_created(job)
    return job
