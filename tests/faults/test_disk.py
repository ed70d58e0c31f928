"""A full disk: nothing is half stored, everything goes on once there is room."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.database import execute
from tests.faults.driver import assert_nothing_lost, batch, client_of, leftovers, pictures
from tests.stack import Stack


@contextmanager
def small_disk(path: Path) -> Iterator[Path]:
    """Ten megabytes of a disk of their own."""
    path.mkdir(parents=True)
    command = ("mount", "-t", "tmpfs", "-o", "size=10m", "tmpfs", str(path))
    mounted = subprocess.run(command, capture_output=True, text=True, check=False)
    if mounted.returncode != 0:
        pytest.skip(f"no disk can be mounted here: {mounted.stderr.strip()}")
    try:
        yield path
    finally:
        subprocess.run(("umount", "--lazy", str(path)), check=True)


@contextmanager
def filled(disk: Path) -> Iterator[None]:
    stuffing = disk / "stuffing"
    space = os.statvfs(disk)
    stuffing.write_bytes(bytes(space.f_bavail * space.f_frsize - 16_384))
    try:
        yield
    finally:
        stuffing.unlink()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root mounts a disk to fill")
def test_a_full_disk_is_a_507_and_nothing_is_half_stored(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with small_disk(home / "media") as disk, Stack(home) as stack, client_of(stack) as api:
        assert_nothing_lost(api, stack, batch(api, pictures(5)), 5)
        with filled(disk):
            for send in (api.batch, api.multi):
                refused = send(pictures(10, 600, 400))
                assert (refused.status_code, refused.json()["code"]) == (507, "storage_full"), refused.text
            assert execute(stack, "SELECT count(*) FROM processing_image") == [(5,)]
            assert leftovers(stack) == []
        assert_nothing_lost(api, stack, batch(api, pictures(10, 600, 400)), 10)
        assert leftovers(stack) == []
