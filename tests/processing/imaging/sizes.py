"""Recipes of JPEGs in a few sizes, for tests that ask about the picture and not about recipes."""

from __future__ import annotations

from processing.imaging.recipes import Quality, Recipe

Recipes = tuple[Recipe, ...]


def sizes(
    *heights: int, web_width: int = 1500, quality: int = 80, full_size_quality: int | None = None
) -> Recipes:
    """`web` of at most this width, `thumbnail-<height>` for each height, and `compressed` in full size."""
    told = {"formats": ("jpeg",), "quality": Quality(jpeg=quality)}
    full = (Recipe("compressed", formats=("jpeg",), quality=Quality(jpeg=full_size_quality or quality)),)
    return (
        Recipe("web", web_width, **told),  # type: ignore[arg-type]
        *(Recipe(f"thumbnail-{height}", height=height, **told) for height in heights),  # type: ignore[arg-type]
        *(full if full_size_quality else ()),
    )
