"""A plan changed: existing images get what it gives, and links it forbids end.

Whoever changes a plan only marks the accounts, in the same transaction; the mark is worked off here, at once
or at the next beat. So a change is never half done, whoever is killed, however many accounts it touches.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import transaction
from django.db.models import F, Q

from processing.accounts import quota
from processing.accounts.models import User
from processing.files import link_permits, originals
from processing.jobs import derivations
from processing.models import Image

if TYPE_CHECKING:
    from processing.accounts.models import Plan

_MOST = 500


def mark_account(user: User) -> None:
    """Call it in the transaction that gives the account another plan."""
    User.objects.filter(id=user.id).update(derived_for=[])


def mark_plan(plan: Plan) -> None:
    """Call it in the transaction that changes what the plan gives."""
    User.objects.filter(plan=plan).update(derived_for=[])


def work_off() -> int:
    """Looks through the images of marked accounts; returns how many accounts."""
    seen = Q(derived_for=F("plan__thumbnail_heights"), derived_recipes=F("plan__recipe_list"))
    marked = User.objects.exclude(seen).order_by("id")
    ids = list(marked.values_list("id", flat=True)[:_MOST])
    return sum(_work_off(user_id) for user_id in ids)


def _work_off(user_id: int) -> bool:
    with transaction.atomic():
        # Under the account's lock: an upload either is seen here, or sees the plan as it is now.
        user = quota.locked(user_id)
        plan = user.plan
        if (user.derived_for, user.derived_recipes) == (plan.thumbnail_heights, plan.recipe_list):
            return False
        if plan.keeps_original:
            originals.keep_all(user.id)
        if not plan.allows_links:
            linked = Image.objects.of(user.id).exclude(link_key="")
            link_permits.revoke(list(linked.values_list("id", flat=True)))
        recipes = plan.recipes()
        derivations.submit(user.id, recipes, derivations.lacking(user.id, recipes))
        User.objects.filter(id=user.id).update(
            derived_for=plan.thumbnail_heights, derived_recipes=plan.recipe_list
        )
    return True
