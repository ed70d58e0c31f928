"""What the engine asks of the accounts it works for."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from django.contrib.auth import get_user_model

if TYPE_CHECKING:
    from processing.news.representations import Gives


def plan_of(owner_id: int) -> Gives:
    """The account's plan as it is now: what it lets its owner see."""
    accounts = get_user_model()._base_manager.select_related("plan")
    return cast("Gives", accounts.get(pk=owner_id).plan)
