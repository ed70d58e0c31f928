from __future__ import annotations

import io
from itertools import pairwise

import numpy as np
import pytest
from PIL import Image

from processing.imaging.canvas.canvas import COLORS, WHITE, Canvas, percentages
from processing.imaging.canvas.permutation import Permutation

SIZES = [(1, 1), (5, 5), (1, 97), (97, 1), (56, 56), (300, 200), (512, 512), (4096, 16)]


def packed(pixels: np.ndarray) -> np.ndarray:
    return (pixels.astype(np.uint32) @ np.array([1 << 16, 1 << 8, 1], np.uint32)).ravel()


def drawn(canvas: Canvas, coloured: int) -> np.ndarray:
    return np.concatenate([packed(band) for band in canvas.bands(coloured)])


@pytest.mark.parametrize("size", [1, 2, 3, 25, 31, 97, 4096, 4097, 100_003])
@pytest.mark.parametrize("seed", [0, 1, (1 << 63) - 1])
def test_a_permutation_meets_each_number_once(size: int, seed: int) -> None:
    places = Permutation(size, seed, "turn")(np.arange(size, dtype=np.uint32))
    assert np.array_equal(np.sort(places), np.arange(size))


def test_a_permutation_stays_the_same_on_every_machine() -> None:
    places = Permutation(10, 7, "turn")(np.arange(10, dtype=np.uint32))
    assert places.tolist() == [9, 4, 5, 0, 8, 6, 1, 7, 3, 2]


def test_a_permutation_leaves_its_numbers_as_they_were() -> None:
    numbers = np.arange(100, dtype=np.uint32)
    Permutation(100, 1, "turn")(numbers)
    assert np.array_equal(numbers, np.arange(100))


@pytest.mark.parametrize("size", [0, (1 << 32) + 1])
def test_a_permutation_refuses_sizes_it_cannot_hold(size: int) -> None:
    with pytest.raises(ValueError, match=r"1 to 2\*\*32"):
        Permutation(size, 1, "turn")


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_a_full_canvas_has_another_colour_in_every_pixel_and_no_white(width: int, height: int) -> None:
    colors = drawn(Canvas(width, height, 3), width * height)
    assert np.unique(colors).size == width * height
    assert not (colors == WHITE).any()


def test_the_largest_canvas_has_every_colour_once_and_white_last() -> None:
    canvas = Canvas(4096, 4096, 11)
    before = drawn(canvas, COLORS - 1)
    full = drawn(canvas, COLORS)
    assert np.array_equal(np.bincount(full, minlength=COLORS), np.ones(COLORS, np.int64))
    assert np.array_equal(before, full)  # the last pixel was white, and stays so


def test_the_largest_canvas_is_one_white_pixel_short_of_its_end_only_there() -> None:
    assert (drawn(Canvas(4096, 4096, 11), COLORS - 2) == WHITE).sum() == 2


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_each_state_colours_as_many_as_asked_and_changes_none_coloured_before(
    width: int, height: int
) -> None:
    canvas = Canvas(width, height, 5)
    before = np.full(canvas.pixels, WHITE)
    for percent in percentages(9):
        now = drawn(canvas, canvas.coloured_at(percent))
        assert (now != WHITE).sum() == canvas.coloured_at(percent)
        assert np.array_equal(now[before != WHITE], before[before != WHITE])
        before = now
    assert not (before == WHITE).any()


def test_one_step_colours_one_pixel() -> None:
    canvas = Canvas(16, 16, 2)
    states = [drawn(canvas, coloured) for coloured in range(257)]
    assert [(a != b).sum() for a, b in pairwise(states)] == [1] * 256


def test_the_order_is_random_all_over_the_canvas() -> None:
    half = (drawn(Canvas(512, 512, 9), 512 * 256) != WHITE).reshape(32, 16, 32, 16)
    in_block = half.sum(axis=(1, 3))
    # 256 fair coins: mean 128, standard deviation 8; over 1024 blocks their variance is 64 +- 3.
    assert 50 < in_block.var() < 78
    spectrum = np.abs(np.fft.fft2(half.reshape(512, 512) - 0.5)) ** 2 / 512**2
    # No stripes or grids: for noise the largest of 262,144 such terms is about 0.25 x ln(262,144) = 3.1.
    assert spectrum.max() < 6


def test_colours_of_neighbours_have_nothing_in_common() -> None:
    red = (drawn(Canvas(512, 512, 9), 512 * 512) >> 16).astype(float)
    assert abs(np.corrcoef(red[1:], red[:-1])[0, 1]) < 0.01
    assert abs(np.corrcoef(red[512:], red[:-512])[0, 1]) < 0.01


def test_another_seed_gives_another_canvas_and_the_same_seed_the_same() -> None:
    one, other, again = (drawn(Canvas(56, 56, seed), 3136) for seed in (1, 2, 1))
    assert np.array_equal(one, again)
    assert (one != other).mean() > 0.99


@pytest.mark.parametrize(
    ("granular", "expected"),
    [
        (100, [100]),
        (50, [50, 100]),
        (30, [30, 60, 90, 100]),
        (99, [99, 100]),
        (10, list(range(10, 101, 10))),
        (1, list(range(1, 101))),
    ],
)
def test_snapshots_come_at_every_step_and_at_the_end(granular: int, expected: list[int]) -> None:
    assert percentages(granular) == expected


@pytest.mark.parametrize(
    ("pixels", "percent", "coloured"),
    [(1, 1, 1), (25, 1, 1), (25, 4, 1), (25, 5, 2), (100, 37, 37), (3136, 50, 1568), (1 << 24, 100, 1 << 24)],
)
def test_a_percentage_is_reached_with_the_first_pixel_that_makes_it(
    pixels: int, percent: int, coloured: int
) -> None:
    sides = {1: (1, 1), 25: (5, 5), 100: (10, 10), 3136: (56, 56), 1 << 24: (4096, 4096)}
    assert Canvas(*sides[pixels], 1).coloured_at(percent) == coloured


@pytest.mark.parametrize(("width", "height"), [(1, 1), (5, 5), (1, 97), (4096, 17), (333, 500)])
@pytest.mark.parametrize("percent", [1, 50, 100])
def test_its_png_holds_exactly_its_pixels(width: int, height: int, percent: int) -> None:
    canvas = Canvas(width, height, 4)
    file = io.BytesIO()
    canvas.write_png(file, percent)
    with Image.open(file) as image:
        image.verify()  # every chunk's checksum
    with Image.open(file) as image:
        assert (image.format, image.mode, image.size) == ("PNG", "RGB", (width, height))
        assert np.array_equal(packed(np.asarray(image)), drawn(canvas, canvas.coloured_at(percent)))


def test_the_same_state_is_the_same_file() -> None:
    files = []
    for _ in range(2):
        file = io.BytesIO()
        Canvas(200, 100, 4).write_png(file, 30)
        files.append(file.getvalue())
    assert files[0] == files[1]


@pytest.mark.parametrize(("width", "height"), [(0, 5), (5, 0), (4097, 1), (1, 4097), (-1, 5)])
def test_it_refuses_sides_outside_its_limits(width: int, height: int) -> None:
    with pytest.raises(ValueError, match="1 to 4096"):
        Canvas(width, height, 1)
