"""Copies of a picture have hashes that are near, other pictures' are not."""

from __future__ import annotations

import io
from itertools import combinations

import pytest
from PIL import Image

from processing.imaging.likeness import perceptual_hash
from processing.imaging.renditions import make
from tests.drawing import drawn_photo


def hashed(image: Image.Image, format: str = "PNG", **options: object) -> int | None:
    file = io.BytesIO()
    image.save(file, format, **options)
    file.seek(0)
    return make(file, [], max_pixels=10**8).phash


def apart(first: int | None, second: int | None) -> int:
    assert first is not None
    assert second is not None
    return (first ^ second).bit_count()


@pytest.mark.parametrize("seed", range(6))
def test_copies_are_near(seed: int) -> None:
    picture = drawn_photo(seed, 480, 360)
    whole = hashed(picture)
    for quality in (40, 70, 95):
        assert apart(whole, hashed(picture, "JPEG", quality=quality)) <= 10
        assert apart(whole, hashed(picture, "WEBP", quality=quality)) <= 10
    assert apart(whole, hashed(picture, "AVIF", quality=60)) <= 10
    for part in (0.25, 0.5, 2):
        size = (round(480 * part), round(360 * part))
        assert apart(whole, hashed(picture.resize(size), "JPEG")) <= 10


def test_other_pictures_are_far() -> None:
    hashes = [hashed(drawn_photo(seed, 240, 180)) for seed in range(40)]
    near = sum(apart(one, other) <= 10 for one, other in combinations(hashes, 2))
    assert near == 0


def test_flat_pictures_have_none() -> None:
    assert perceptual_hash(Image.new("RGB", (96, 96), (7, 80, 200))) is None
    assert perceptual_hash(Image.new("RGB", (1, 1))) is None
    assert perceptual_hash(Image.new("RGBA", (50, 50))) is None
    gradient = Image.linear_gradient("L").convert("RGB").resize((96, 96))
    assert perceptual_hash(gradient) is not None
