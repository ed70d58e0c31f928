from __future__ import annotations

import sys
import unicodedata

import pytest

from uploads.intake.visible import visible


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("a\u061cb\u200bc\u2060d\ufeffe\u00adf.jpg", "abcdef.jpg"),
        ("one\u2028two\u2029three", "one two three"),
        ("evil\u202egpj.exe\u2066\u2069", "evilgpj.exe"),
        ("\x00\r\n\t\x85a\x7f", "a"),
        ("a\u3164\u115f\uffa0\u180e\u2800\ufff9b", "ab"),
        ("a\U000e0041\U000e007fb", "ab"),
        ("pass\u200dword \u200c", "password "),
        ("می\u200cخواهم.jpg", "می\u200cخواهم.jpg"),
        ("क्\u200dष.jpg", "क्\u200dष.jpg"),
        ("👩\u200d💻 ❤\ufe0f\u200d🔥.png", "👩\u200d💻 ❤\ufe0f\u200d🔥.png"),
        ("Grüße, Ελλάδα, 写真, 사진", "Grüße, Ελλάδα, 写真, 사진"),
    ],
)
def test_only_what_can_be_seen_is_kept(given: str, shown: str) -> None:
    assert visible(given) == shown


def test_no_control_format_or_separator_character_is_kept_alone() -> None:
    hidden = {"Cc", "Cf", "Zl", "Zp"}
    for code in range(sys.maxunicode + 1):
        if unicodedata.category(chr(code)) in hidden:
            assert visible(f"a{chr(code)}b") in {"ab", "a b"}, hex(code)
