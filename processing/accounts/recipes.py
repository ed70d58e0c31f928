"""The recipes an account may name: its plan's, and its own."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from django.db import transaction

from processing.accounts import quota
from processing.accounts.models import Plan, StoredRecipe, User

if TYPE_CHECKING:
    from collections.abc import Iterable

    from processing.imaging.recipes import Recipe


class UnknownRecipe(ValueError):
    """A name that is no recipe's; `known` are those that are."""

    def __init__(self, name: str, known: Iterable[str]) -> None:
        super().__init__(name)
        self.name = name
        self.known = list(known)


class TooManyRecipes(ValueError):
    """The plan's limit is reached; `count` are there."""

    def __init__(self, count: int) -> None:
        super().__init__(count)
        self.count = count


def own(owner_id: int) -> tuple[Recipe, ...]:
    rows = StoredRecipe.objects.filter(owner_id=owner_id).order_by("name")
    return tuple(row.value() for row in rows)


def known_to(owner: User) -> tuple[Recipe, ...]:
    """The plan's, then its own but for those whose name the plan has taken meanwhile."""
    given = owner.plan.recipes()
    names = {recipe.name for recipe in given}
    return (*given, *(recipe for recipe in own(owner.id) if recipe.name not in names))


def named(owner: User, names: Iterable[str]) -> tuple[Recipe, ...]:
    """The recipes of these names, each once. Raises UnknownRecipe."""
    wanted = list(dict.fromkeys(names))
    if not wanted:
        return ()
    known = {recipe.name: recipe for recipe in known_to(owner)}
    for name in wanted:
        if name not in known:
            raise UnknownRecipe(name, known)
    return tuple(known[name] for name in wanted)


def put(owner: User, recipe: Recipe) -> tuple[Recipe, bool]:
    """Writes it as the account's own; returns it with its version, and whether it is new.

    Raises TooManyRecipes.
    """
    with transaction.atomic():
        quota.hold(owner.id)  # two at once do not both fit under the limit
        rows = StoredRecipe.objects.filter(owner=owner)
        row = rows.filter(name=recipe.name).first()
        if row is None:
            if (count := rows.count()) >= owner.plan.max_recipes:
                raise TooManyRecipes(count)
            StoredRecipe.of(replace(recipe, version=1), owner=owner).save()
            return replace(recipe, version=1), True
        now = next_version(row.value(), recipe)
        row.take(now)
        row.save()
        return now, False


def next_version(before: Recipe, now: Recipe) -> Recipe:
    """`now` with the version that follows from what changed."""
    same = replace(now, version=before.version)
    return same if same == before else replace(now, version=before.version + 1)


def refresh(plan: Plan) -> None:
    """Writes what the rows of the plan's recipes say where uploads read it; call it after each change."""
    rows = StoredRecipe.objects.filter(plan=plan).order_by("id")
    Plan.objects.filter(id=plan.id).update(recipe_list=[row.value().to_json() for row in rows])
