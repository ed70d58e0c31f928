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
from tests.uploads.resumable.clients import Tus


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
        upload, picture = half_sent(Tus(api.client))
        with filled(disk):
            refuses_the_rest(Tus(api.client), upload, picture)
            for send in (api.batch, api.multi):
                refused = send(pictures(10, 600, 400))
                assert (refused.status_code, refused.json()["code"]) == (507, "storage_full"), refused.text
            assert execute(stack, "SELECT count(*) FROM processing_image") == [(5,)]
            assert leftovers(stack) == []
        assert_nothing_lost(api, stack, batch(api, pictures(10, 600, 400)), 10)
        answer = Tus(api.client).patch(upload, 1000, picture[1000:])
        assert_nothing_lost(api, stack, answer.headers["Content-Location"].rpartition("/")[2], 1)
        assert leftovers(stack) == []


def half_sent(tus: Tus) -> tuple[str, bytes]:
    ((_, picture),) = pictures(1, 600, 400)
    url = tus.created(len(picture))
    assert tus.patch(url, 0, picture[:1000]).status_code == 204
    return url, picture


def refuses_the_rest(tus: Tus, url: str, picture: bytes) -> None:
    """What was acknowledged stays, and no more."""
    for end in (len(picture), len(picture) - 1):
        refused = tus.patch(url, 1000, picture[1000:end])
        assert (refused.status_code, refused.json()["code"]) == (507, "storage_full"), refused.text
        assert tus.offset(url) == 1000
