"""Recipes: look at, make, change, drop, apply."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from django.db import transaction
from rest_framework.exceptions import NotFound
from rest_framework.response import Response
from rest_framework.views import APIView

from processing.accounts import quota, recipes
from processing.accounts.models import StoredRecipe
from processing.imaging.recipes import COMPRESSED, InvalidRecipe, Recipe
from processing.jobs import derivations
from processing.news.representations import job_shape
from uploads.api.authentication import account
from uploads.intake.refusals import Refused

if TYPE_CHECKING:
    from rest_framework.request import Request

    from processing.accounts.models import User

# What plans and the CSV import give under these names, or may give tomorrow.
_OF_PLANS = re.compile(rf"web|{COMPRESSED.name}|thumbnail-\d+")


def recipe_shape(recipe: Recipe, origin: str) -> dict[str, Any]:
    return {"name": recipe.name, "origin": origin, "version": recipe.version, **recipe.to_json()}


def known_recipe(owner: User, name: str) -> tuple[Recipe, str]:
    """The recipe and its origin, `plan` or `own`. Raises NotFound."""
    given = {recipe.name for recipe in owner.plan.recipes()}
    for recipe in recipes.known_to(owner):
        if recipe.name == name:
            return recipe, "plan" if name in given else "own"
    raise NotFound("There is no such recipe.")


class RecipeListView(APIView):
    def get(self, request: Request) -> Response:
        owner = account(request)
        given = {recipe.name for recipe in owner.plan.recipes()}
        shapes = [
            recipe_shape(recipe, "plan" if recipe.name in given else "own")
            for recipe in recipes.known_to(owner)
        ]
        return Response({"results": shapes})


class RecipeView(APIView):
    def get(self, request: Request, name: str) -> Response:
        return Response(recipe_shape(*known_recipe(account(request), name)))

    def put(self, request: Request, name: str) -> Response:
        owner = account(request)
        _refuse_of_plan(owner, name)
        wanted = _read(request.data, name)
        try:
            recipe, is_new = recipes.put(owner, wanted)
        except recipes.TooManyRecipes as error:
            raise _too_many(owner, error.count) from error
        headers = {"Location": f"/api/recipes/{name}"} if is_new else None
        return Response(recipe_shape(recipe, "own"), status=201 if is_new else 200, headers=headers)

    def delete(self, request: Request, name: str) -> Response:
        owner = account(request)
        _refuse_of_plan(owner, name)
        if not StoredRecipe.objects.filter(owner=owner, name=name).delete()[0]:
            raise NotFound("There is no such recipe.")
        return Response(status=204)


class ApplyView(APIView):
    """Makes it for all images of the account that lack it, or have an older version of it."""

    def post(self, request: Request, name: str) -> Response:
        owner = account(request)
        recipe, _ = known_recipe(owner, name)
        with transaction.atomic():
            quota.hold(owner.id)  # none of them is purged meanwhile
            lacking = derivations.lacking(owner.id, [recipe])
            job = derivations.submit(owner.id, [recipe], lacking) or derivations.nothing(owner.id, [recipe])
        headers = {"Location": f"/api/jobs/{job.id}", "Retry-After": "1"}
        return Response(job_shape(job), status=202, headers=headers)


def _refuse_of_plan(owner: User, name: str) -> None:
    if _OF_PLANS.fullmatch(name) or any(recipe.name == name for recipe in owner.plan.recipes()):
        detail = f"`{name}` is a recipe of plans, which can be read only; take another name."
        raise Refused(403, "plan_forbids", detail, attr="name", plan=owner.plan.name)


def _too_many(owner: User, count: int) -> Refused:
    plan, limit = owner.plan.name, owner.plan.max_recipes
    detail = f"The plan {plan} allows {limit:,} recipes of one's own; {count:,} are there."
    return Refused(409, "too_many_recipes", detail, limit=limit, actual=count + 1, plan=plan)


def _read(data: Any, name: str) -> Recipe:
    """The recipe of a request's body. Raises Refused, with the field that is wrong in `attr`."""
    if not isinstance(data, Mapping):
        raise Refused(400, "invalid", "Send a JSON object, the fields of a recipe.")
    if data.get("name", name) != name:
        raise Refused(400, "invalid", f"The name is the address's, `{name}`.", attr="name")
    if data.get("origin", "own") not in ("own", "plan"):
        raise Refused(400, "invalid", "Left out, or as it was told.", attr="origin")
    try:
        # The version too is read, and then counted here.
        return Recipe.from_json({key: data[key] for key in data if key != "origin"} | {"name": name})
    except InvalidRecipe as error:
        raise Refused(400, "invalid", error.detail, attr=error.attr) from error
