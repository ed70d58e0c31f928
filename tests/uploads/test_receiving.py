"""The names people give their files."""

from __future__ import annotations

import pytest

from uploads.receiving import MAX_NAME, shown_name


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
