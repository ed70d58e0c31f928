"""Backup of a service at work, restored into a new home: all that was accepted before is there."""

from __future__ import annotations

import os
import subprocess
import threading
from pathlib import Path

import httpx
import pytest

from tests.api import Api
from tests.faults.driver import batch, pictures
from tests.stack import ROOT, Stack

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
# This plan keeps no originals: each goes once its renditions are safe.
BASIC = {"IMAGEAPI_ANONYMOUS_PLAN": "Basic"}
REQUEST = 40


def run(script: str, *arguments: Path) -> str:
    ended = subprocess.run(
        (ROOT / "deploy" / script, *arguments), env=os.environ, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, f"{ended.stdout}\n{ended.stderr}"
    return ended.stdout


def doctor(home: Path) -> str:
    ended = subprocess.run(
        (ROOT / ".venv/bin/python", "manage.py", "doctor", "--deep", "--older-than", "0"),
        cwd=ROOT,
        env={**os.environ, "IMAGEAPI_HOME": str(home)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, f"{ended.stdout}\n{ended.stderr}"
    return ended.stdout


class Load:
    """Uploads batch after batch until it is told to stop; `jobs` are those that were accepted."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._enough = threading.Event()
        self._thread = threading.Thread(target=self._send)
        self.jobs: list[str] = []

    def __enter__(self) -> Load:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._enough.set()
        self._thread.join(120)

    def _send(self) -> None:
        with httpx.Client(base_url=self._url, timeout=60) as client:
            while not self._enough.is_set():
                self.jobs.append(batch(Api(client), pictures(REQUEST, 320, 240)))


def test_a_backup_under_load_restores_all_that_was_accepted_before(tmp_path: Path) -> None:
    copy, home, restored = tmp_path / "copy", tmp_path / "home", tmp_path / "restored"
    with Stack(home, BASIC) as stack, Load(stack.url) as load:
        while len(load.jobs) < 4:
            load._enough.wait(0.1)
        accepted = list(load.jobs)
        run("backup", copy, home)
        assert {path.name for path in copy.iterdir()} >= {"database.dump", "media.tar", "admin_password"}
        assert all(path.stat().st_mode & 0o077 == 0 for path in copy.iterdir())
    run("restore", copy, restored)
    with Stack(restored, BASIC) as stack, httpx.Client(base_url=stack.url, timeout=60) as client:
        api = Api(client)
        for job in accepted:
            finished = api.finished(job, 120)
            assert finished["completed"] == REQUEST, finished
            for image in api.images(job):
                for rendition in image["renditions"]:
                    assert len(client.get(rendition["url"]).content) == rendition["size"]
        assert stack.password == (home / "admin_password").read_text()
        print(f"{len(accepted)} jobs of {REQUEST} accepted before the backup, all there\n{doctor(restored)}")


def test_a_restore_goes_only_into_a_new_installation(tmp_path: Path) -> None:
    copy, home = tmp_path / "copy", tmp_path / "home"
    with Stack(home) as stack:
        run("backup", copy, stack.home)
    ended = subprocess.run(
        (ROOT / "deploy" / "restore", copy, home), capture_output=True, text=True, check=False
    )
    assert (ended.returncode, "has a database already" in ended.stderr) == (2, True), ended
