"""What a view leaves for the event loop: to go on telling a log once the view's own answer is made.

The view has asked who it is for and what may be seen. Waiting needs no thread.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from uuid import UUID

# Where in the ASGI scope of a request it lies.
FOLLOW = "imageapi.follow"


@dataclass(frozen=True, slots=True)
class Follow:
    """Somebody who was let in by `credential` wants to hear what comes after `since` (None: from now on).

    `wait` is for how many seconds an answer is held; None for a stream.
    """

    owner_id: int
    job_id: UUID | None
    since: int | None
    credential: Any
    wait: int | None = None
