"""While a backup copies, no file goes; afterwards all that waited does."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import storages
from django.core.management import call_command
from django.db import transaction
from django.utils import timezone

from processing.files import discards
from processing.models import Discard, Pulse
from processing.upkeep import orphans

pytestmark = pytest.mark.django_db(transaction=True)
NAME = "aa/a" + "b" * 21


@pytest.fixture
def file() -> str:
    storages["originals"].save(NAME, ContentFile(b"bytes"))
    return NAME


def let_go(name: str) -> None:
    with transaction.atomic():
        discards.discard([("originals", name)])


def test_a_file_let_go_during_a_hold_waits_for_its_end(file: str) -> None:
    call_command("removals", "hold")
    let_go(file)
    Discard.objects.update(due_at=timezone.now() - timedelta(seconds=1))
    assert (discards.clear(), orphans.drop_orphans(timedelta(0))) == (0, 0)
    assert storages["originals"].exists(file)
    call_command("removals", "release")
    assert discards.clear() == 1
    assert not storages["originals"].exists(file)


def test_a_hold_that_nobody_released_ends_by_itself(file: str) -> None:
    discards.hold(timedelta(hours=1))
    Pulse.objects.filter(name=discards.HOLD).update(beat_at=timezone.now() - timedelta(seconds=1))
    let_go(file)
    assert not storages["originals"].exists(file)
