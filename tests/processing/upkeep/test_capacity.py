"""What fills up is told before it is full."""

from __future__ import annotations

import shutil

import pytest
from django.core.files.storage import InMemoryStorage, storages

from processing.models import Pulse
from processing.upkeep import capacity

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(("free", "told"), [(99, 1), (100, 0)])
def test_little_room_is_said_once_in_a_while(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, free: int, told: int
) -> None:
    Pulse.objects.filter(name="disk-is-low").delete()
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(1000, 1000 - free, free))
    for _ in range(3):
        capacity.warn()
    assert [record.getMessage().startswith("Disk: 9.9 %") for record in caplog.records] == [True] * told


def test_a_bucket_has_no_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(storages._storages, "originals", InMemoryStorage())
    assert capacity.disk() is None
