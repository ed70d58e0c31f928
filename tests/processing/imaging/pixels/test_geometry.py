from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processing.imaging import fit_within
from processing.imaging.pixels.geometry import covers

SIDES = st.integers(1, 100_000)
LIMITS = st.none() | st.integers(1, 5_000)


@pytest.mark.parametrize(
    ("size", "max_width", "max_height", "expected"),
    [
        ((4000, 3000), 1500, 400, (533, 400)),
        ((4000, 3000), 1500, None, (1500, 1125)),
        ((4000, 3000), None, 200, (267, 200)),
        ((4000, 3000), None, None, (4000, 3000)),
        ((800, 600), 1500, 900, (800, 600)),
        ((10, 10_000), None, 200, (1, 200)),
        ((20_000, 3), 1500, None, (1500, 1)),
        ((3, 2), 2, None, (2, 1)),
        ((1, 1), 1, 1, (1, 1)),
    ],
)
def test_it_fits_a_picture_into_its_limits(
    size: tuple[int, int], max_width: int | None, max_height: int | None, expected: tuple[int, int]
) -> None:
    assert fit_within(*size, max_width=max_width, max_height=max_height) == expected


@given(SIDES, SIDES, LIMITS, LIMITS)
def test_the_result_is_never_larger_than_the_picture_or_its_limits(
    width: int, height: int, max_width: int | None, max_height: int | None
) -> None:
    fitted = fit_within(width, height, max_width=max_width, max_height=max_height)
    assert 1 <= fitted[0] <= min(width, max_width or width)
    assert 1 <= fitted[1] <= min(height, max_height or height)


@given(SIDES, SIDES, st.integers(1, 5_000))
def test_the_shape_is_kept_to_the_pixel(width: int, height: int, max_width: int | None) -> None:
    fitted_width, fitted_height = fit_within(width, height, max_width=max_width)
    assert fitted_height == 1 or abs(fitted_height - height * fitted_width / width) <= 0.5


def test_a_size_covers_another_only_where_neither_side_grows() -> None:
    assert covers((10, 10), (10, 10))
    assert not covers((10, 10), (11, 1))
    assert not covers((10, 10), (1, 11))
