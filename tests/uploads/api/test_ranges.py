"""Range headers, after RFC 9110 section 14.2."""

from __future__ import annotations

import pytest

from uploads.api.ranges import Unsatisfiable, part_of


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("bytes=0-9", range(10)),
        ("bytes=90-99", range(90, 100)),
        ("bytes=90-1000", range(90, 100)),
        ("bytes=40-", range(40, 100)),
        ("bytes=-10", range(90, 100)),
        ("bytes=-1000", range(100)),
        ("BYTES=0-0", range(1)),
        ("bytes= 5 - 6", range(5, 7)),
        ("", None),
        ("bytes=-", None),
        ("bytes=9-5", None),
        ("bytes=0-1,5-6", None),
        ("lines=0-1", None),
        ("bytes=a-b", None),
        ("bytes=0-99999999999999999999999", None),
        ("bytes=٣-٤", None),
    ],
)
def test_the_part_asked_for(header: str, expected: range | None) -> None:
    assert part_of(header, 100) == expected


@pytest.mark.parametrize("header", ["bytes=100-", "bytes=100-200", "bytes=-0"])
def test_a_part_that_is_not_there(header: str) -> None:
    with pytest.raises(Unsatisfiable):
        part_of(header, 100)
