"""What is left of an intake that fails on its way: rows with their bytes, or neither."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from django.conf import settings
from django.db import transaction

from processing.files import storage
from processing.models import Image
from tests.cast import person
from tests.drawing import photo
from uploads.intake.intake import Receipt, take_in
from uploads.intake.receiving import Received

pytestmark = pytest.mark.django_db(transaction=True)


class Interrupted(BaseException):
    """As Ctrl-C comes: between any two instructions, past every `except Exception`."""


def received(folder: Path, seed: int) -> Received:
    path = folder / f"{seed}.jpg"
    path.write_bytes(photo(seed, 60, 40))
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return Received(path.name, path, path.stat().st_size, digest, too_large=False)


def stored() -> set[str]:
    originals = settings.MEDIA_ROOT / "originals"
    return {path.name for path in originals.rglob("*") if path.is_file()}


def interrupt(_receipt: Receipt | None = None) -> None:
    raise Interrupted


def test_a_failure_after_the_commit_costs_no_image_its_bytes(tmp_path: Path) -> None:
    owner = person("alice")
    with pytest.raises(Interrupted):
        take_in(owner, "batch", [received(tmp_path, 1)], inside=lambda _: transaction.on_commit(interrupt))
    image = Image.objects.get(owner=owner)
    with storage.open_original(image.key) as original:
        assert hashlib.sha256(original.read()).hexdigest() == image.checksum


def test_a_failure_before_the_commit_leaves_neither_row_nor_file(tmp_path: Path) -> None:
    owner, before = person("alice"), stored()
    with pytest.raises(Interrupted):
        take_in(owner, "batch", [received(tmp_path, 2)], inside=interrupt)
    assert not Image.objects.filter(owner=owner).exists()
    assert stored() == before
    assert not list(tmp_path.iterdir())
