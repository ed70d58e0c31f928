"""Permits: small files without which an expiring link gives nothing.

A link must die the moment its image is deleted, and be checked without the database. So what a link names is
not the uploaded file but a permit beside it, under a random name that only the image's row and the link know.
No permit, no file: deleting an image removes its permit, and a duplicate that shares the uploaded file has a
permit of its own. A name is never used again, so a link once revoked stays so.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from django.db import transaction

from processing.files import storage
from processing.files.discards import discard
from processing.models import Image

if TYPE_CHECKING:
    import uuid
    from collections.abc import Collection


@dataclass(frozen=True, slots=True)
class Permit:
    """What a link gives: the uploaded file under `key`, of `size` bytes, with its SHA-256 in hex."""

    key: str
    size: int
    content_type: str
    checksum: str


PERMITS = "links"


def permit_name(link_key: str) -> str:
    return f"{PERMITS}/{link_key[:2]}/{link_key}"


def permit(image: Image) -> str | None:
    """The name of the image's permit, which is made where there is none; None for an image just deleted."""
    linkable = Image.objects.visible().filter(id=image.id, has_original=True)
    if not image.link_key:
        fresh = storage.new_key()
        holds = Permit(image.key, image.size, image.content_type, image.checksum)
        storage.put_private(permit_name(fresh), json.dumps(asdict(holds)).encode())
        # The row decides: another request may have been quicker, or the image just deleted.
        if not linkable.filter(link_key="").update(link_key=fresh):
            storage.drop_private(permit_name(fresh))
    return linkable.exclude(link_key="").values_list("link_key", flat=True).first()


def read(link_key: str) -> Permit:
    """Raises FileNotFoundError where the link is revoked. Asks no database."""
    with storage.open_private(permit_name(link_key)) as file:
        return Permit(**json.loads(file.read()))


def revoke(image_ids: Collection[uuid.UUID]) -> int:
    """Ends every link to these images, for good, when the transaction commits; returns of how many images."""
    with transaction.atomic():
        linked = list(
            Image.objects.select_for_update().filter(id__in=image_ids).exclude(link_key="").order_by("id")
        )
        Image.objects.filter(id__in=[image.id for image in linked]).update(link_key="")
        discard(("originals", permit_name(image.link_key)) for image in linked)
    return len(linked)
