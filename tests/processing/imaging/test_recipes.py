"""A recipe is data that is right, or it says which field is not."""

from __future__ import annotations

import json
from typing import Any

import pytest

from processing.imaging.recipes import DEFAULTS, FITS, POSITIONS, InvalidRecipe, Quality, Recipe, thumbnail


@pytest.mark.parametrize(
    ("values", "attr"),
    [
        ({"name": ""}, "name"),
        ({"name": "x" * 41}, "name"),
        ({"name": "Square"}, "name"),
        ({"name": "a/b"}, "name"),
        ({"name": 7}, "name"),
        ({"name": "a\n"}, "name"),
        ({"width": 0}, "width"),
        ({"width": 8193}, "width"),
        ({"width": True}, "width"),
        ({"height": 2.5}, "height"),
        ({"height": "300"}, "height"),
        ({"height": [1]}, "height"),
        ({"fit": "crop"}, "fit"),
        ({"fit": None}, "fit"),
        ({"fit": []}, "fit"),
        ({"position": "middle"}, "position"),
        ({"enlarge": 1}, "enlarge"),
        ({"formats": []}, "formats"),
        ({"formats": "webp"}, "formats"),
        ({"formats": ["gif"]}, "formats"),
        ({"formats": [{}]}, "formats"),
        ({"formats": ["webp", "webp"]}, "formats"),
        ({"quality": 80}, "quality"),
        ({"quality": {"jpeg": 96}}, "quality.jpeg"),
        ({"quality": {"webp": 0}}, "quality.webp"),
        ({"quality": {"avif": 101}}, "quality.avif"),
        ({"quality": {"png": 9}}, "quality.png"),
        ({"animation": "loop"}, "animation"),
        ({"background": "white"}, "background"),
        ({"background": "#fff"}, "background"),
        ({"version": 0}, "version"),
        ({"colour": "red"}, "colour"),
    ],
    ids=str,
)
def test_a_bad_value_is_named_with_what_is_allowed(values: dict[str, Any], attr: str) -> None:
    with pytest.raises(InvalidRecipe) as caught:
        Recipe.from_json({"name": "square", **values})
    assert caught.value.attr == attr
    assert caught.value.detail


def test_a_recipe_without_a_name_is_refused() -> None:
    with pytest.raises(InvalidRecipe, match="name"):
        Recipe.from_json({"width": 100})


def test_only_the_name_must_be_said() -> None:
    assert Recipe.from_json({"name": "square"}) == Recipe("square", quality=Quality(80, 79, 60))


@pytest.mark.parametrize("fit", FITS)
@pytest.mark.parametrize("position", POSITIONS)
def test_it_comes_back_from_json_as_it_went(fit: str, position: str) -> None:
    recipe = Recipe("a-1", 8192, 1, fit, position, True, ("webp", "avif"), Quality(avif=1), version=7)
    assert Recipe.from_json(json.loads(json.dumps(recipe.to_json()))) == recipe


def test_the_first_recipes_are_bounded_both_ways() -> None:
    assert [recipe.name for recipe in DEFAULTS] == ["web", "thumbnail-200", "thumbnail-400"]
    assert all(recipe.width and recipe.height for recipe in DEFAULTS)


@pytest.mark.parametrize(("height", "width"), [(1, 4), (200, 800), (400, 1500), (1000, 2000), (8192, 8192)])
def test_a_thumbnail_is_never_a_long_strip(height: int, width: int) -> None:
    assert (thumbnail(height).width, thumbnail(height).height) == (width, height)
