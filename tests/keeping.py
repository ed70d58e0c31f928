"""Images that really lie in the storage: taken in and made as the service does it, in this process."""

from __future__ import annotations

import hashlib
import tempfile
from pathlib import Path

from django.conf import settings
from django.core.files.storage import storages
from django.db.models import Max

from processing.accounts.models import User
from processing.models import Discard, Image
from processing.upkeep import sweeper
from processing.worker import pipeline
from uploads.intake import intake
from uploads.intake.receiving import Received


def received(data: bytes, name: str = "a.jpg") -> Received:
    """A file of a request, as the parser leaves it on the disk."""
    settings.INCOMING_DIR.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=settings.INCOMING_DIR, delete=False) as file:
        file.write(data)
    return Received(name, Path(file.name), len(data), hashlib.sha256(data).hexdigest(), too_large=False)


def taken_in(owner: User, *contents: bytes) -> list[Image]:
    """Pending images of one batch; the owner's plan is read anew, as a request does."""
    owner = User.objects.select_related("plan").get(id=owner.id)
    return intake.take_in(owner, "batch", [received(data) for data in contents]).images


def made(images: list[Image]) -> list[Image]:
    """The same images after a worker has been there."""
    sweeper.free_twins()
    pipeline.work()
    return fresh(images)


def fresh(images: list[Image]) -> list[Image]:
    return list(Image.objects.filter(id__in=[image.id for image in images]).order_by("id"))


def files(store: str) -> set[str]:
    """The names of all files in the store."""
    root = Path(storages[store].path(""))
    return {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()}


def kept_bytes(owner: User) -> int:
    """What the counter must say: the bytes of the files that the account's rows name, each once."""
    rows = Image.objects.filter(owner=owner, has_original=True).values("key").annotate(size=Max("size"))
    return sum(row["size"] for row in rows)


def counted_bytes(owner: User) -> int:
    assert not Discard.objects.exists()
    return User.objects.values_list("used_bytes", flat=True).get(id=owner.id)
