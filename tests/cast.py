"""The people in the tests: Alice owns, Charlie is a stranger."""

from __future__ import annotations

from typing import Any

from processing.accounts.first_plans import make_first_plans
from processing.accounts.models import Plan, User
from processing.imaging import Recipe
from processing.jobs import lifecycle
from processing.models import Image, Job

RECIPE = Recipe(heights=(200,))


def person(name: str, plan: str = "Enterprise") -> User:
    make_first_plans()
    return User.objects.create_user(name, password="a long pass phrase", plan=Plan.objects.get(name=plan))


def new_image(index: int, checksum: str = "", **values: Any) -> lifecycle.NewImage:
    given = {
        "name": f"{index}.jpg",
        "size": 1000,
        "checksum": checksum or f"{index:064x}",
        "content_type": "image/jpeg",
        "width": 40,
        "height": 30,
        "key": f"{index:022d}",
        **values,
    }
    return lifecycle.NewImage(index=index, **given)


def submitted(owner: User, count: int = 3, kind: str = "batch", *, first: int = 0) -> tuple[Job, list[Image]]:
    """A job whose images' checksums count up from `first`."""
    files = [new_image(index, checksum=f"{first + index:064x}") for index in range(count)]
    return lifecycle.submit(owner.id, kind, RECIPE, files)
