"""Which files an archive holds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from processing.accounts.recipes import UnknownRecipe, named
from processing.files.archives import ORIGINAL, Member
from processing.models import Image, Status
from processing.news.representations import is_given
from uploads.api.authentication import account
from uploads.api.recipe_names import MOST
from uploads.intake.refusals import Refused

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from rest_framework.request import Request

    from processing.accounts.models import Plan

Missing = dict[str, str | None]


def renditions_asked(request: Request, text: str, images: Iterable[Image]) -> list[str]:
    """Names, from `text`, where they stand comma-separated; all that the plan gives where it is empty.

    Raises Refused.
    """
    plan = account(request).plan
    made = {row["name"]: None for image in images for row in image.renditions if is_given(row["name"], plan)}
    if len(text) > MOST:
        detail = f"`renditions` has at most {MOST} characters."
        raise Refused(400, "max_length", detail, attr="renditions")
    wanted = list(dict.fromkeys(filter(None, (name.strip() for name in text.split(",")))))
    if not wanted:
        return [*([ORIGINAL] if plan.keeps_original else []), *made]
    _refuse_unknown(request, wanted, made)
    if ORIGINAL in wanted and not plan.keeps_original:
        detail = f"The plan {plan.name} keeps no originals."
        raise Refused(403, "plan_forbids", detail, attr="renditions", plan=plan.name)
    return wanted


def _refuse_unknown(request: Request, wanted: Iterable[str], made: Iterable[str]) -> None:
    here = {ORIGINAL: None, **dict.fromkeys(made)}
    try:
        named(account(request), [name for name in wanted if name not in here])
    except UnknownRecipe as error:
        known = list({**here, **dict.fromkeys(error.known)})
        detail = f"There is no rendition `{error.name[:40]}`; known are {', '.join(known)}."
        raise Refused(400, "unknown_rendition", detail, attr="renditions", known=known) from error


def parts(images: Sequence[Image], wanted: Sequence[str], plan: Plan) -> tuple[list[Member], list[Missing]]:
    """The files, in the images' order, and what was wanted and is not there."""
    members: list[Member] = []
    missing: list[Missing] = []
    for image in images:
        for rendition in wanted:
            found = list(_files(image, rendition, plan)) if image.status == Status.COMPLETED else []
            members += found
            if not found:
                missing.append(_absent(image, rendition))
    return members, missing


def _files(image: Image, rendition: str, plan: Plan) -> Iterator[Member]:
    about = (str(image.id), rendition)
    if rendition == ORIGINAL:
        if image.has_original:
            yield Member(*about, image.name, image.size, image.content_type, image.key)
        return
    stem = image.name.rpartition(".")[0] or image.name
    for row in image.renditions:
        if row["name"] == rendition and is_given(rendition, plan):
            name = f"{stem}.{row['file'].rpartition('.')[2]}"
            yield Member(*about, name, row["size"], row["content_type"], image.key, row["file"])


def _absent(image: Image, rendition: str) -> Missing:
    return {
        "image_id": str(image.id),
        "rendition": rendition,
        "name": image.name,
        "status": image.status,
        "error": image.error_code or None,
    }
