from __future__ import annotations

import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from processing.imaging import Made, fit_within, make
from tests.drawing import decoded, decoded_jpeg, drawn_photo, encoded, exif_with, photo, psnr, solid
from tests.processing.imaging.profiles import DISPLAY_P3, rgb_profile
from tests.processing.imaging.sizes import Recipes, sizes

LANCZOS = Image.Resampling.LANCZOS


def made_from(data: bytes, recipe: Recipes) -> Made:
    return make(io.BytesIO(data), recipe, max_pixels=10**9)


def shown_sizes(made: Made) -> dict[str, tuple[int, int]]:
    return {item.name: (item.width, item.height) for item in made.renditions}


@pytest.mark.parametrize(
    ("size", "recipe", "expected"),
    [
        ((1600, 1200), sizes(200), {"web": (1500, 1125), "thumbnail-200": (267, 200)}),
        ((400, 300), sizes(9, 8), {"web": (400, 300), "thumbnail-9": (12, 9), "thumbnail-8": (11, 8)}),
        ((300, 100), sizes(200), {"web": (300, 100), "thumbnail-200": (300, 100)}),
        ((2000, 500), sizes(450), {"web": (1500, 375), "thumbnail-450": (1800, 450)}),
        ((400, 1), sizes(200, web_width=100), {"web": (100, 1), "thumbnail-200": (400, 1)}),
        ((1, 400), sizes(200), {"web": (1, 400), "thumbnail-200": (1, 200)}),
        ((1, 1), sizes(200), {"web": (1, 1), "thumbnail-200": (1, 1)}),
        ((1600, 1200), sizes(full_size_quality=50), {"web": (1500, 1125), "compressed": (1600, 1200)}),
        ((70_000, 2), sizes(200), {"web": (1500, 1), "thumbnail-200": (65_500, 2)}),
        ((2, 70_000), sizes(full_size_quality=50), {"web": (2, 65_500), "compressed": (2, 65_500)}),
    ],
    ids=str,
)  # fmt: skip
def test_renditions_have_their_sizes(size: tuple[int, int], recipe: Recipes, expected: dict) -> None:
    made = made_from(encoded(solid("teal", size), "PNG"), recipe)
    assert shown_sizes(made) == expected
    for item in made.renditions:
        assert decoded(item.data).size == (item.width, item.height)
        assert item.content_type == "image/jpeg"


@given(
    width=st.integers(1, 700),
    height=st.integers(1, 700),
    orientation=st.integers(1, 8),
    heights=st.lists(st.integers(1, 300), max_size=4, unique=True),
    web_width=st.integers(1, 400),
)
@settings(max_examples=60, deadline=None)
def test_any_jpeg_gets_all_its_renditions(
    width: int, height: int, orientation: int, heights: list[int], web_width: int
) -> None:
    data = encoded(solid("teal", (width, height)), "JPEG", exif=exif_with(orientation))
    shown = (width, height) if orientation < 5 else (height, width)
    made = made_from(data, sizes(*heights, web_width=web_width))
    expected = {f"thumbnail-{limit}": fit_within(*shown, max_height=limit) for limit in heights}
    assert shown_sizes(made) == {"web": fit_within(*shown, max_width=web_width), **expected}


def test_renditions_come_in_the_order_of_the_recipe() -> None:
    made = made_from(photo(1, 320, 240), sizes(50, 200, 100, full_size_quality=40))
    names = [item.name for item in made.renditions]
    assert names == ["web", "thumbnail-50", "thumbnail-200", "thumbnail-100", "compressed"]


def test_two_names_of_one_size_hold_the_same_picture() -> None:
    web, first, second = made_from(photo(1, 160, 120), sizes(200, 400)).renditions
    assert web.data == first.data == second.data


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "GIF", "AVIF", "HEIF", "BMP", "TIFF"])
def test_a_second_run_gives_the_same_bytes(format: str) -> None:
    data = photo(5, 640, 480, format)
    assert made_from(data, sizes(200, 400)) == made_from(data, sizes(200, 400))


@pytest.mark.parametrize(
    ("size", "options"),
    [
        ((1200, 1800), {}),
        ((1920, 1200), {}),
        ((1600, 1100), {"progressive": True}),
        ((3400, 2600), {}),
        ((701, 1013), {}),
    ],
    ids=str,
)
def test_renditions_look_like_plain_lanczos_of_the_whole_picture(
    size: tuple[int, int], options: dict
) -> None:
    """Each is compared with one step from the full decode, through the same JPEG quality."""
    data = encoded(drawn_photo(3, *size), "JPEG", **options)
    whole = decoded(data)
    for item in made_from(data, sizes(200, 400, web_width=1000, quality=95)).renditions:
        plain = whole.resize((item.width, item.height), LANCZOS)
        assert psnr(decoded(item.data), decoded(encoded(plain, "JPEG", quality=95))) >= 40


def test_the_quality_of_the_recipe_is_used() -> None:
    data = photo(1, 400, 300)
    (low,) = made_from(data, sizes(quality=30)).renditions
    (high,) = made_from(data, sizes(quality=90)).renditions
    assert len(low.data) < len(high.data) / 2
    expected = encoded(solid("red"), "JPEG", quality=30)
    assert decoded_jpeg(low.data).quantization == decoded_jpeg(expected).quantization


def test_full_size_compression_has_its_own_quality() -> None:
    _web, compressed = made_from(photo(1, 400, 300, quality=95), sizes(full_size_quality=50)).renditions
    assert (
        decoded_jpeg(compressed.data).quantization == decoded_jpeg(photo(1, 40, 30, quality=50)).quantization
    )


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF", "HEIF"])
def test_no_metadata_gets_out(format: str) -> None:
    exif = Image.Exif()
    exif[0x010E] = "a secret"
    exif[0x8825] = {1: "N", 2: (52.0, 30.0, 0.0)}
    options = {"exif": exif.tobytes(), "icc_profile": rgb_profile(DISPLAY_P3), "comment": b"a secret"}
    if format == "HEIF":
        options["xmp"] = b"<x:xmpmeta xmlns:x='adobe:ns:meta/'>a secret</x:xmpmeta>"
    data = encoded(drawn_photo(1, 320, 240), format, **options)
    assert b"a secret" in data
    for item in made_from(data, sizes(100, web_width=200, full_size_quality=50)).renditions:
        assert marker_codes(item.data) <= {0xE0, 0xDB, 0xC0, 0xC4}
        assert b"secret" not in item.data


def test_the_output_is_a_plain_baseline_jpeg_with_small_chroma() -> None:
    (web,) = made_from(photo(1, 320, 240, subsampling="4:4:4", progressive=True), sizes()).renditions
    image = decoded_jpeg(web.data)
    assert 0xC0 in marker_codes(web.data)
    assert "progressive" not in image.info
    assert [component[1:3] for component in image.layer] == [(2, 2), (1, 1), (1, 1)]


def test_it_leaves_the_file_open() -> None:
    file = io.BytesIO(photo(1, 64, 48))
    make(file, sizes(), max_pixels=10**6)
    assert not file.closed


def marker_codes(data: bytes) -> set[int]:
    """The codes of a JPEG's segments up to the pixels."""
    codes, position = set(), 2
    while data[position + 1] != 0xDA:
        codes.add(data[position + 1])
        position += 2 + int.from_bytes(data[position + 2 : position + 4], "big")
    return codes


def test_a_comment_does_not_get_out_of_a_picture_that_needs_no_conversion() -> None:
    data = photo(1, 320, 240, comment=b"a secret")
    for item in make(io.BytesIO(data), sizes(100), max_pixels=10**6).renditions:
        assert b"secret" not in item.data


def test_the_thumbnail_inside_a_heic_is_not_taken_for_the_picture() -> None:
    """It may show anything: with it or without it, the renditions are the same."""
    picture, recipe = drawn_photo(4, 640, 480), sizes(web_width=100)
    with_thumbnail = made_from(encoded(picture, "HEIF", thumbnails=[128]), recipe)
    assert with_thumbnail.renditions == made_from(encoded(picture, "HEIF"), recipe).renditions
