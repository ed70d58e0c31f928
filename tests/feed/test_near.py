from __future__ import annotations

import pytest

from processing.news.feed import Near, bits


@pytest.mark.parametrize(
    ("hue", "tolerance", "degrees"),
    [
        (100, 2, [98, 99, 100, 101, 102]),
        (100, 0, [100]),
        (0, 2, [0, 1, 2, 358, 359]),
        (359, 1, [0, 358, 359]),
        (5, 180, list(range(360))),
        (5, 179, [degree for degree in range(360) if degree != 185]),
    ],
)
def test_the_degrees_go_round_the_circle(hue: int, tolerance: int, degrees: list[int]) -> None:
    assert Near(hue, tolerance).degrees == degrees
    assert Near(hue, tolerance).mask == bits(degrees)


def test_without_a_hue_every_image_is_wanted() -> None:
    assert Near(None).degrees == []
    assert Near(None).mask & bits([7])


def test_an_image_without_a_hue_meets_no_mask() -> None:
    assert not Near(5, 180).mask & bits([])
