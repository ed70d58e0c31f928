"""Recipes of jobs: which an image is made by, and which of its renditions still are what they say."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from processing.imaging.recipes import Recipe

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence


def load(rows: Iterable[Mapping[str, Any]]) -> tuple[Recipe, ...]:
    """The recipes as a job's row keeps them."""
    return tuple(map(Recipe.from_json, rows))


def merged(recipes: Iterable[Recipe], more: Iterable[Recipe]) -> tuple[Recipe, ...]:
    """All of them, each name once: the first wins."""
    found: dict[str, Recipe] = {}
    for recipe in (*recipes, *more):
        found.setdefault(recipe.name, recipe)
    return tuple(found.values())


def marks(recipes: Iterable[Recipe]) -> set[str]:
    """What Image.rendition_marks has of each when it was made: its name with its version."""
    return {f"{recipe.name}@{recipe.version}" for recipe in recipes}


def marks_of(renditions: Iterable[Mapping[str, Any]]) -> set[str]:
    return {f"{rendition['name']}@{rendition['version']}" for rendition in renditions}


def lacking(
    recipes: Iterable[Recipe],
    renditions: Sequence[Mapping[str, Any]],
    focal_point: tuple[float, float] | None,
) -> tuple[Recipe, ...]:
    """Those of which there is no rendition, or one of another version or round another focal point."""
    return tuple(
        recipe
        for recipe in recipes
        if not any(is_made_by(recipe, rendition, focal_point) for rendition in renditions)
    )


def is_made_by(recipe: Recipe, rendition: Mapping[str, Any], focal_point: tuple[float, float] | None) -> bool:
    same = rendition["name"] == recipe.name and rendition["version"] == recipe.version
    return same and rendition.get("focal") == focal_of(recipe, focal_point)


def focal_of(recipe: Recipe, focal_point: tuple[float, float] | None) -> list[float] | None:
    """The focal point as a rendition of this recipe notes it: null where it makes no difference."""
    return list(focal_point) if focal_point and recipe.fit == "cover" else None
