"""One step down, beside plain LANCZOS of the same pixels."""

import pytest
from PIL import Image

from processing.imaging.pixels.resampling import shrink
from tests.drawing import drawn_photo, psnr


@pytest.fixture(scope="module")
def picture() -> Image.Image:
    return drawn_photo(7, 800, 1200)


@pytest.mark.parametrize("height", [1100, 800, 600, 480, 407, 401, 400, 399, 340, 275, 200, 120])
def test_every_step_looks_like_lanczos(picture: Image.Image, height: int) -> None:
    size = (round(800 * height / 1200), height)
    assert psnr(shrink(picture, size), picture.resize(size, Image.Resampling.LANCZOS)) >= 42


def test_a_third_is_a_third_whatever_rounding_makes_of_it(picture: Image.Image) -> None:
    """800 px become 267, a factor of 2.996: whole pixels are averaged there, too, and likeness gains."""
    plain = picture.resize((267, 400), Image.Resampling.LANCZOS)
    averaged = picture.reduce(2).resize((267, 400), Image.Resampling.LANCZOS)
    assert psnr(shrink(picture, (267, 400)), plain) == pytest.approx(psnr(averaged, plain), abs=0.01)


def test_a_picture_that_has_the_size_stays_itself(picture: Image.Image) -> None:
    assert shrink(picture, picture.size) is picture
