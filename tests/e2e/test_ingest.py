"""A tree of photos into an account, broken off on the way."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg2
import pytest

from imageapi.up import embedded
from tests.drawing import photo
from tests.stack import ROOT, Stack

COUNT = 240


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """One of its own: what an account holds is counted."""
    with Stack(tmp_path_factory.mktemp("ingest") / "home") as running:
        yield running


@pytest.fixture
def own(stack: Stack) -> Iterator[Any]:
    connection = psycopg2.connect(embedded.database_url(stack.home))
    connection.autocommit = True
    with connection.cursor() as cursor:
        yield cursor
    connection.close()


@pytest.fixture
def tree(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """240 photos in nested folders, one of them twice, and what lies beside photos."""
    seed = sum(map(ord, request.node.name)) * 1000
    for number in range(COUNT):
        folder = tmp_path / f"{number % 3}" / f"ä b {number % 7}"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{number}.jpg").write_bytes(photo(seed + number, 96, 64))
    (tmp_path / "again.jpg").write_bytes(photo(seed, 96, 64))
    (tmp_path / "notes.txt").write_text("no image")
    (tmp_path / ".hidden.jpg").write_bytes(photo(seed + COUNT, 96, 64))
    return tmp_path


def ingest(stack: Stack, *arguments: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        (sys.executable, "manage.py", "ingest", *map(str, arguments)),
        cwd=ROOT,
        env={**os.environ, "IMAGEAPI_HOME": str(stack.home)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finished(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    out, err = process.communicate(timeout=120)
    return process.returncode, out, err


def someone(stack: Stack, name: str) -> str:
    """An account that holds nothing yet."""
    shell(
        stack,
        "from processing.accounts.models import Plan, User; "
        f"User.objects.create_user({name!r}, plan=Plan.objects.get(name='Enterprise'))",
    )
    return name


def shell(stack: Stack, code: str) -> None:
    subprocess.run(
        (sys.executable, "manage.py", "shell", "-v", "0", "-c", code),
        cwd=ROOT,
        env={**os.environ, "IMAGEAPI_HOME": str(stack.home)},
        check=True,
    )


def held(own: Any, name: str) -> list[tuple[str, str]]:
    """Checksum and state of each image of the account."""
    own.execute(
        "SELECT checksum, status FROM processing_image i JOIN processing_user u ON u.id = i.owner_id"
        " WHERE username = %s",
        [name],
    )
    return own.fetchall()


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGKILL], ids=["interrupted", "killed"])
def test_broken_off_and_run_again_it_holds_each_photo_once(
    stack: Stack, own: Any, tree: Path, sent: signal.Signals
) -> None:
    name = someone(stack, f"alice-{sent.name}")
    before = {path: path.read_bytes() for path in tree.rglob("*") if path.is_file()}

    first = ingest(stack, tree, "--user", name, "--per-job", 10)
    assert first.stderr is not None
    for _ in range(3):
        assert first.stderr.readline()
    first.send_signal(sent)
    code, _, _ = finished(first)
    assert code == (130 if sent == signal.SIGINT else -signal.SIGKILL)
    taken = len(held(own, name))
    assert 0 < taken < COUNT

    code, out, err = finished(ingest(stack, tree, "--user", name, "--per-job", 10, "--wait"))
    assert code == 0, err
    assert f"{COUNT + 2} files: {COUNT - taken} new, {taken + 1} already there, 1 refused" in out
    assert "notes.txt: unsupported_format" in err
    rows = held(own, name)
    assert {status for _, status in rows} == {"completed"}
    assert len(rows) == len({checksum for checksum, _ in rows}) == COUNT
    assert {path: path.read_bytes() for path in tree.rglob("*") if path.is_file()} == before

    _, out, _ = finished(ingest(stack, tree, "--user", name))
    assert f"{COUNT + 2} files: 0 new, {COUNT + 1} already there, 1 refused" in out


def test_recipes_are_made_beside_the_plans(stack: Stack, own: Any, tmp_path: Path) -> None:
    name = someone(stack, "carol")
    code = (
        "from processing.accounts.models import User; from processing.accounts.recipes import put; "
        "from processing.imaging.recipes import Recipe; "
        f"put(User.objects.get(username={name!r}), Recipe('square', 50, 50, 'cover', formats=('webp',)))"
    )
    shell(stack, code)
    for number in range(3):
        (tmp_path / f"{number}.jpg").write_bytes(photo(90_000 + number, 200, 100))
    code, out, err = finished(ingest(stack, tmp_path, "--user", name, "--recipes", "square", "--wait"))
    assert code == 0, err + out
    own.execute(
        "SELECT r->>'width', r->>'height', r->>'content_type' FROM processing_image i"
        " JOIN processing_user u ON u.id = i.owner_id, jsonb_array_elements(i.renditions) r"
        " WHERE username = %s AND r->>'name' = 'square'",
        [name],
    )
    assert own.fetchall() == [("50", "50", "image/webp")] * 3
    code, _, err = finished(ingest(stack, tmp_path, "--user", name, "--recipes", "square,hero"))
    assert code == 1
    assert "hero" in err
    assert "square" in err


def test_what_cannot_be_done_is_said(stack: Stack, tmp_path: Path) -> None:
    name = someone(stack, "bob")
    assert "There is no account 'nobody'." in finished(ingest(stack, tmp_path, "--user", "nobody"))[2]
    assert "No folder: /nowhere" in finished(ingest(stack, "/nowhere", "--user", name))[2]
    (tmp_path / "bomb.png").write_bytes(photo(1, 40, 30)[:60])
    code, _, err = finished(ingest(stack, tmp_path, "--user", name))
    assert code == 1
    assert "bomb.png: " in err
