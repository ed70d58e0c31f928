"""The names people give their files, and every byte of them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from uploads.intake.receiving import MAX_NAME, shown_name, write_all


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
