"""The names people give their files, and every byte of them."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any

import pytest

from processing.accounts.models import Plan
from uploads.intake.landing import write_all
from uploads.intake.multipart import Part
from uploads.intake.receiving import MAX_NAME, Files, shown_name
from uploads.intake.refusals import Refused


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("photo.jpg", "photo.jpg"),
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\x\\photo.jpg", "photo.jpg"),
        ("..", "unnamed"),
        (".", "unnamed"),
        ("folder/", "unnamed"),
        ("", "unnamed"),
        ("a\x00b.jpg", "ab.jpg"),
        ("line\r\nbreak.jpg", "linebreak.jpg"),
        ("evil\u202egpj.exe", "evilgpj.exe"),
        ("cafe\u0301.jpg", "caf\u00e9.jpg"),
        ("\U0001f600.png", "\U0001f600.png"),
        ('quo"te.jpg', 'quo"te.jpg'),
        ("x" * 300 + ".jpg", "x" * (MAX_NAME - 4) + ".jpg"),
        ("x" * 300, "x" * MAX_NAME),
        ("\ud800.jpg", "?.jpg"),
    ],
)
def test_a_name_is_cleaned_before_it_is_shown(given: str, shown: str) -> None:
    assert shown_name(given) == shown


def test_a_disk_that_takes_a_part_is_asked_for_the_rest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = os.write
    monkeypatch.setattr(os, "write", lambda file, data: whole(file, bytes(data[:7])))
    file = os.open(tmp_path / "landed", os.O_WRONLY | os.O_CREAT)
    write_all(file, b"nothing accepted is ever lost")
    os.close(file)
    assert (tmp_path / "landed").read_bytes() == b"nothing accepted is ever lost"


PLAN = Plan(name="Basic", max_files=2000, max_file_bytes=1000)


def files_for(most: int = 2000) -> Files:
    return Files("images", PLAN, most, lambda _received, _head: None)


def send(files: Files, content: bytes, filename: str | None = "a.jpg", name: str = "images") -> None:
    files.begin(Part(name, filename))
    for start in range(0, len(content), 100):
        files.data(content[start : start + 100])
    files.end()


@pytest.fixture
def incoming(settings: Any, tmp_path: Path) -> Path:
    settings.INCOMING_DIR = tmp_path / "incoming"
    return tmp_path / "incoming"


def test_files_lie_on_the_disk_with_their_sums(incoming: Path) -> None:
    files = files_for()
    contents = [b"first" * 40, b"", b"third" * 500]
    for content in contents:
        send(files, content)
    files.landed()
    assert [file.size for file in files.received] == [200, 0, 2500]
    assert [file.too_large for file in files.received] == [False, False, True]
    assert files.received[0].path.read_bytes() == contents[0]
    assert files.received[0].checksum == hashlib.sha256(contents[0]).hexdigest()
    files.discard()
    assert list(incoming.iterdir()) == []


def test_a_file_that_has_not_ended_has_no_name(incoming: Path) -> None:
    files = files_for()
    files.begin(Part("images", "a.jpg"))
    files.data(b"half of it")
    assert list(incoming.iterdir()) == []
    files.discard()


def test_two_thousand_files_open_few_descriptors(incoming: Path) -> None:
    folder, most = Path("/proc/self/fd"), 0
    before = len(list(folder.iterdir()))
    files = files_for()
    for _ in range(2000):
        send(files, b"x")
        most = max(most, len(list(folder.iterdir())) - before)
    files.landed()
    assert len(files.received) == 2000
    assert most < 60
    files.discard()


def test_a_part_in_base64_is_taken_apart_whatever_its_pieces(incoming: Path) -> None:
    files = files_for()
    files.begin(Part("images", "a.jpg", encoding="base64"))
    for piece in (b"aGV", b"sbG8", b"\r\n", b"gd29y", b"bGQ="):
        files.data(piece)
    files.end()
    files.landed()
    assert files.received[0].path.read_bytes() == b"hello world"


@pytest.mark.parametrize(
    ("act", "code"),
    [
        (lambda files: [send(files, b"x") for _ in range(3)], "too_many_files"),
        (lambda files: send(files, b"x", name="photos"), "unexpected_field"),
        (lambda files: send(files, b"x" * 5_000_000, None, "webhook_url"), "body_too_large"),
        (lambda files: [send(files, b"x", None, f"f{n}") for n in range(1001)], "too_many_fields"),
    ],
)
def test_what_is_too_much_is_refused_while_it_comes(incoming: Path, act: Any, code: str) -> None:
    files = files_for(2)
    with pytest.raises(Refused) as refused:
        act(files)
    assert refused.value.code == code
    files.discard()
    assert list(incoming.iterdir()) == []
