"""The people in the tests: Alice owns, Charlie is a stranger."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from processing.accounts.first_plans import make_first_plans
from processing.accounts.models import Plan, User
from processing.imaging.recipes import WEB, thumbnail
from processing.jobs import lifecycle
from processing.models import Image, Job, Queue
from processing.queue.claims import Claim, Policy, claim
from processing.queue.leases import release

RECIPES = (WEB, thumbnail(200))


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
    return lifecycle.submit(owner.id, kind, RECIPES, files)


def held(images: Iterable[Image]) -> list[Claim]:
    """These of the waiting images in a worker's hands, each account's under a lease of its own."""
    wanted, taken = {image.id for image in images}, list[Claim]()
    policies = [Policy(queue, 1000, 10**12, 1) for queue in (Queue.INTERACTIVE, Queue.BULK)]
    while (chunk := claim(policies)).claims:
        taken += chunk.claims
    for each in taken:
        if each.image.id not in wanted:
            release(each.image.lease or 0, each.image.id, counted=False)
    return [each for each in taken if each.image.id in wanted]
