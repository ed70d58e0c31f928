"""Files of the storage on a disk: whole, under their names, and there after a power cut."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from django.conf import settings

from processing.files import storage
from processing.files.storage import DurableFiles, TemporaryFile


def test_a_name_is_on_the_disk_before_the_row_and_each_folder_is_synced_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[Path] = []
    real = os.fsync

    def noted(descriptor: int) -> None:
        path = Path(f"/proc/self/fd/{descriptor}").readlink()
        if path.is_dir():
            synced.append(path)
        real(descriptor)

    monkeypatch.setattr(os, "fsync", noted)
    store = DurableFiles(location=tmp_path / "originals")
    (tmp_path / "originals").mkdir()
    files = []
    for name in ("aa/one", "aa/two", "bb/three"):
        path = tmp_path / name.replace("/", "-")
        path.write_bytes(b"bytes")
        files.append((name, TemporaryFile(path)))
    store.save_all(files)
    root = tmp_path / "originals"
    assert sorted(synced) == [root, root / "aa", root / "bb"], "folders just made have names too"
    assert sorted(path.name for path in root.rglob("*") if path.is_file()) == ["one", "three", "two"]


def test_a_single_original_and_a_permit_are_synced_too(monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[bool] = []
    real = os.fsync

    def noted(descriptor: int) -> None:
        synced.append(Path(f"/proc/self/fd/{descriptor}").readlink().is_dir())
        real(descriptor)

    monkeypatch.setattr(os, "fsync", noted)
    settings.INCOMING_DIR.mkdir(parents=True, exist_ok=True)
    path = settings.INCOMING_DIR / "power-cut"
    path.write_bytes(b"bytes")
    key = storage.new_key()
    storage.put_original(key, path)
    assert True in synced
    synced.clear()
    storage.put_private(f"links/{key[:2]}/{key}", b"{}")
    assert True in synced
    storage.drop_originals([key])
    storage.drop_private(f"links/{key[:2]}/{key}")
