from __future__ import annotations

import io

import pytest

from processing.imaging import Made, make
from tests.drawing import decoded, encoded, exif_with, solid
from tests.processing.imaging.profiles import DISPLAY_P3, SRGB, cmyk_profile, rgb_profile
from tests.processing.imaging.sizes import Recipes, sizes

WHITE, CYAN_INK = (0, 0, 0, 0), (1, 0, 0, 0)


def made_from(data: bytes, recipe: Recipes | None = None) -> Made:
    return make(io.BytesIO(data), recipe or sizes(20), max_pixels=10**7)


def shown_color(made: Made) -> tuple[int, int, int]:
    image = decoded(made.renditions[0].data).convert("RGB")
    x, y = image.width // 2, image.height // 2
    red, green, blue = image.crop((x, y, x + 1, y + 1)).tobytes()
    return red, green, blue


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF", "HEIF"])
def test_wide_gamut_becomes_srgb(format: str) -> None:
    """Display P3 (200, 100, 50) is sRGB (214, 95, 30): the numbers move, the colour stays."""
    made = made_from(encoded(solid((200, 100, 50)), format, icc_profile=rgb_profile(DISPLAY_P3)))
    assert shown_color(made) == pytest.approx((213, 96, 33), abs=5)
    assert made.losses == ("gamut",)


def test_the_colours_are_those_of_the_converted_picture() -> None:
    made = made_from(encoded(solid((200, 100, 50)), "PNG", icc_profile=rgb_profile(DISPLAY_P3)))
    plain = made_from(encoded(solid((200, 100, 50)), "PNG"))
    assert made.colors[0].hex != plain.colors[0].hex


def test_an_srgb_profile_changes_nothing() -> None:
    image = solid((200, 100, 50))
    made = made_from(encoded(image, "PNG", icc_profile=rgb_profile(SRGB)))
    assert made == made_from(encoded(image, "PNG"))


def test_another_curve_in_the_same_gamut_is_converted_without_loss() -> None:
    made = made_from(encoded(solid((128, 128, 128)), "PNG", icc_profile=rgb_profile(SRGB, gamma=1.0)))
    assert shown_color(made) == pytest.approx((188, 188, 188), abs=3)
    assert made.losses == ()


@pytest.mark.parametrize(
    "profile",
    [b"not a profile", rgb_profile(DISPLAY_P3)[:200], rgb_profile(DISPLAY_P3)[:128], cmyk_profile({})],
    ids=["text", "cut", "header only", "for CMYK"],
)
def test_a_profile_that_does_not_fit_is_ignored(profile: bytes) -> None:
    made = made_from(encoded(solid((200, 100, 50)), "JPEG", icc_profile=profile))
    assert shown_color(made) == pytest.approx((200, 100, 50), abs=3)
    assert made.losses == ("profile",)


def test_a_profile_for_colours_says_nothing_of_grey() -> None:
    made = made_from(
        encoded(solid((128, 128, 128)).convert("L"), "JPEG", icc_profile=rgb_profile(DISPLAY_P3))
    )
    assert shown_color(made) == pytest.approx((128, 128, 128), abs=3)
    assert made.losses == ()


@pytest.mark.parametrize("format", ["JPEG", "TIFF"])
def test_cmyk_without_a_profile_keeps_its_colours(format: str) -> None:
    made = made_from(encoded(solid((200, 100, 50)).convert("CMYK"), format))
    assert shown_color(made) == pytest.approx((200, 100, 50), abs=4)
    assert made.losses == ("gamut",)


@pytest.mark.parametrize("format", ["JPEG", "TIFF"])
def test_cmyk_goes_through_its_profile(format: str) -> None:
    """In this profile cyan ink prints as sRGB green (Lab 88, -79, 81), white as white."""
    profile = cmyk_profile({WHITE: (100, 0, 0), CYAN_INK: (70, -60, 60)})
    inked = made_from(encoded(solid((255, 0, 0, 0), mode="CMYK"), format, icc_profile=profile))
    blank = made_from(encoded(solid((0, 0, 0, 0), mode="CMYK"), format, icc_profile=profile))
    red, green, blue = shown_color(inked)
    assert green > 150 > max(red, blue) + 40
    assert min(shown_color(blank)) > 250


def test_profile_and_turn_work_together() -> None:
    data = encoded(
        solid((200, 100, 50), (400, 200)), "JPEG", icc_profile=rgb_profile(DISPLAY_P3), exif=exif_with(6)
    )
    made = made_from(data, sizes(100, web_width=50))
    assert [(item.width, item.height) for item in made.renditions] == [(50, 100), (50, 100)]
    assert shown_color(made) == pytest.approx((213, 96, 33), abs=5)
