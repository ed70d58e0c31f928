"""The field `recipes` of every way in: names, comma-separated."""

from __future__ import annotations

from typing import TYPE_CHECKING

from processing.accounts.recipes import UnknownRecipe, named
from uploads.api.authentication import account
from uploads.intake.refusals import Refused

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rest_framework.request import Request

    from processing.accounts.models import User
    from processing.imaging.recipes import Recipe

MOST = 8000  # characters: two hundred names of the longest


def recipes_asked(request: Request, fields: Mapping[str, str]) -> tuple[Recipe, ...]:
    """What the form's field or the query says. Raises Refused."""
    said = [fields.get("recipes", ""), *request.query_params.getlist("recipes")]
    return recipes_named(account(request), ",".join(said))


def recipes_named(owner: User, text: str) -> tuple[Recipe, ...]:
    """The recipes of the account that `text` names, none for an empty one. Raises Refused."""
    if len(text) > MOST:
        raise Refused(400, "max_length", f"`recipes` has at most {MOST} characters.", attr="recipes")
    try:
        return named(owner, filter(None, (name.strip() for name in text.split(","))))
    except UnknownRecipe as error:
        known = ", ".join(error.known)
        detail = f"There is no recipe `{error.name[:40]}`; known are {known}."
        raise Refused(400, "unknown_recipe", detail, attr="recipes", known=error.known) from error
