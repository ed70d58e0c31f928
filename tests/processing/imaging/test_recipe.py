from __future__ import annotations

import json

import pytest

from processing.imaging import Recipe


@pytest.mark.parametrize(
    "recipe", [Recipe((200, 400)), Recipe((), web_width=800, quality=60), Recipe((1,), full_size_quality=50)]
)
def test_a_recipe_survives_the_way_through_json(recipe: Recipe) -> None:
    assert Recipe.from_json(json.loads(json.dumps(recipe.to_json()))) == recipe


def test_a_recipe_stored_before_a_setting_existed_gets_its_default() -> None:
    assert Recipe.from_json({"heights": [200]}) == Recipe((200,))


@pytest.mark.parametrize(
    "settings",
    [
        {"heights": (0,)},
        {"heights": (), "web_width": 0},
        {"heights": (), "quality": 0},
        {"heights": (), "quality": 96},
    ],
)
def test_a_recipe_that_cannot_be_followed_is_refused(settings: dict) -> None:
    with pytest.raises(ValueError, match="whole number"):
        Recipe(**settings)
