"""The released version is started, filled and stopped; this one is started on the same home.

Released is the newest tag `v*`, or the commit before this one where there is none, or what
IMAGEAPI_UPGRADE_FROM names. Everything is asked for by the very addresses that the old version gave.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.api import Api
from tests.faults.driver import batch, pictures
from tests.stack import ROOT, Stack

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
HALF_FINISHED = 120
# One at a time, so that the old version does not finish the batch while it is told to stop.
OLD = {"IMAGEAPI_WORKERS": "1"}


def released() -> str:
    """The commit to come from."""
    named = os.environ.get("IMAGEAPI_UPGRADE_FROM")
    return named or git("tag", "--list", "v*", "--sort=-version:refname").partition("\n")[0] or "HEAD~1"


def git(*arguments: str) -> str:
    ended = subprocess.run(("git", *arguments), cwd=ROOT, capture_output=True, text=True, check=True)
    return ended.stdout.strip()


@pytest.fixture
def old_checkout(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "old"
    if not git("rev-list", "--max-count=2", "HEAD").count("\n"):
        pytest.skip("this clone has no earlier commit")
    git("worktree", "add", "--detach", "--force", str(folder), released())
    install(folder)
    yield folder
    git("worktree", "remove", "--force", str(folder))


def install(folder: Path) -> None:
    """The old version's own libraries, where they are others than ours."""
    locks = [place / "requirements.lock" for place in (folder, ROOT)]
    if locks[0].exists() and locks[0].read_bytes() != locks[1].read_bytes():
        subprocess.run((sys.executable, "-m", "venv", folder / ".venv"), check=True)
        pip = (folder / ".venv" / "bin" / "python", "-m", "pip", "install", "--quiet", "--require-hashes")
        subprocess.run((*pip, "-r", locks[0]), check=True)


@dataclass
class Kept:
    """What a user of the old version has written down."""

    token: str
    lists: dict[str, Any] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)  # SHA-256 by address
    link: str = ""
    done: str = ""
    half: str = ""
    seen: int = 0


def fill(stack: Stack) -> Kept:
    with client_of(stack, stack.token) as client:
        api = Api(client)
        answer = client.post("/api/tokens", json={"username": "admin", "password": stack.password})
        kept = Kept(token=answer.json()["token"])
        kept.done = batch(api, pictures(12, 640, 480))
        assert api.finished(kept.done)["completed"] == 12
        for image in api.images(kept.done):
            addresses = [rendition["url"] for rendition in image["renditions"]]
            for address in (*addresses, image["original_url"]):
                kept.files[address] = digest(client, address)
        first = api.images(kept.done)[0]["id"]
        kept.link = client.post(f"/api/images/{first}/links", json={"expire_time": 30_000}).json()["url"]
        kept.files[kept.link] = digest(client, kept.link)
        kept.lists = {path: ids(client, path) for path in lists(kept)}
        kept.half = batch(api, pictures(HALF_FINISHED, 1600, 1200))
        while (done := api.job(kept.half)["completed"]) < 5:
            time.sleep(0.02)
        kept.seen = len(api.events(kept.half))
        assert done < HALF_FINISHED
    return kept


def client_of(stack: Stack, token: str) -> httpx.Client:
    headers = {"Authorization": f"Bearer {token}"}
    return httpx.Client(base_url=stack.url, headers=headers, timeout=60)


def digest(client: httpx.Client, address: str) -> str:
    answer = client.get(httpx.URL(address).path)
    assert answer.status_code == 200, f"{address}: {answer.status_code}"
    return hashlib.sha256(answer.content).hexdigest()


def lists(kept: Kept) -> list[str]:
    return ["/api/list?limit=1000", f"/api/jobs/{kept.done}/images", "/api/jobs", "/api/recipes"]


def ids(client: httpx.Client, path: str) -> list[str]:
    found = client.get(path)
    if found.status_code == 404:  # the old version may not have it yet
        return []
    rows = found.json()
    rows = rows if isinstance(rows, list) else rows.get("images") or rows["results"]
    return [row.get("id") or row["name"] for row in rows]


def test_the_released_versions_home_is_taken_over(tmp_path: Path, old_checkout: Path) -> None:
    home = tmp_path / "home"
    with Stack(home, OLD, checkout=old_checkout) as stack:
        kept = fill(stack)
        assert stack.stop() == 0
    with Stack(home) as stack, client_of(stack, kept.token) as client:
        api = Api(client)
        finished = api.finished(kept.half, 180)
        assert (finished["status"], finished["completed"]) == ("completed", HALF_FINISHED), finished
        events = api.events(kept.half)
        assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
        assert [event["type"] for event in events].count("job.finished") == 1
        for path, before in kept.lists.items():
            now = [found for found in ids(client, path) if found in before]
            assert now == before, path
        assert {address: digest(client, address) for address in kept.files} == kept.files
        assert api.upload(pictures(1)[0]).status_code == 200
        seen = f"{kept.seen} of {len(events)} events before"
        print(f"from {released()}: {len(kept.files)} addresses, {seen}")
