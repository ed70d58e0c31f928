"""A list of recipes, everything of the picture kept that their formats can hold."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageSequence

from processing.imaging.recipes import DEFAULTS, FITS, POSITIONS, Quality, Recipe
from processing.imaging.renditions import Made, Rendition, make
from tests.drawing import decoded, drawn_photo, encoded, exif_with, gif_of, photo, psnr, quarters, solid

CLEAR, RED = (0, 0, 0, 0), (220, 30, 30, 255)
PLENTY = 120_000_000


def made_from(data: bytes, *recipes: Recipe, max_pixels: int = PLENTY, **kwargs: Any) -> Made:
    return make(io.BytesIO(data), recipes, max_pixels=max_pixels, **kwargs)


def one_of(data: bytes, recipe: Recipe, **kwargs: Any) -> Rendition:
    (rendition,) = made_from(data, recipe, **kwargs).renditions
    return rendition


def logo(size: tuple[int, int] = (200, 120)) -> Image.Image:
    """A red disc on nothing, with a soft edge and black behind what is clear."""
    y, x = np.mgrid[: size[1], : size[0]]
    away = np.hypot(x - size[0] / 2, y - size[1] / 2)
    pixels = np.zeros((size[1], size[0], 4), np.uint8)
    pixels[..., 3] = np.clip((40 - away) * 32 + 128, 0, 255)
    pixels[pixels[..., 3] > 0, :3] = RED[:3]
    return Image.fromarray(pixels, "RGBA")


def film(length: int = 4, size: tuple[int, int] = (120, 80)) -> list[Image.Image]:
    """A square that walks to the right, one step a frame."""
    frames = []
    for step in range(length):
        frame = solid((20, 60, 200), size)
        frame.paste((240, 200, 20), (10 + 20 * step, 20, 40 + 20 * step, 60))
        frames.append(frame)
    return frames


def moving(format: str, frames: list[Image.Image], **kwargs: Any) -> bytes:
    first, *others = frames
    durations = [100 + 20 * number for number in range(len(frames))]
    return encoded(first, format, save_all=True, append_images=others, duration=durations, **kwargs)


# Geometry.


@pytest.mark.parametrize("fit", FITS)
@pytest.mark.parametrize("position", POSITIONS)
@pytest.mark.parametrize("sides", [(90, 90), (300, 50), (None, 40), (70, None), (None, None), (4000, 3000)])
def test_no_recipe_makes_more_than_it_asks_for(
    sides: tuple[int | None, int | None], position: str, fit: str
) -> None:
    recipe = Recipe("r", *sides, fit, position)
    rendition = one_of(encoded(quarters((240, 160)), "JPEG"), recipe)
    assert decoded(rendition.data).size == (rendition.width, rendition.height)
    if fit == "contain" and all(sides):
        assert (rendition.width, rendition.height) == sides
    else:
        assert rendition.width <= 240
        assert rendition.height <= 160


SIZES = {
    "inside": (150, 100),
    "outside": (300, 200),
    "cover": (300, 100),
    "contain": (300, 100),
    "fill": (300, 100),
}


@pytest.mark.parametrize(("fit", "size"), SIZES.items())
def test_the_five_fits(fit: str, size: tuple[int, int]) -> None:
    rendition = one_of(encoded(quarters((600, 400)), "JPEG"), Recipe("r", 300, 100, fit))
    assert (rendition.width, rendition.height) == size


def test_an_enlarged_picture_is_larger_and_another_is_not() -> None:
    data = encoded(quarters((60, 40)), "PNG")
    assert one_of(data, Recipe("r", 300, 300)).width == 60
    assert one_of(data, Recipe("r", 300, 300, enlarge=True)).width == 300
    square = one_of(data, Recipe("r", 300, 300, "cover", enlarge=True))
    assert (square.width, square.height) == (300, 300)


def test_no_side_is_longer_than_a_format_holds() -> None:
    data = encoded(solid("red", (16, 2)), "PNG")
    recipe = Recipe("r", height=8192, enlarge=True, formats=("webp",))
    assert one_of(data, recipe).width <= 16_383


@pytest.mark.parametrize(
    ("position", "color"),
    [("left top", (220, 30, 30)), ("right top", (30, 200, 30)), ("left bottom", (30, 30, 220))],
)
@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_a_crop_is_that_of_the_upright_picture(
    orientation: int, position: str, color: tuple[int, ...]
) -> None:
    turns = {3: Image.Transpose.ROTATE_180, 6: Image.Transpose.ROTATE_90, 8: Image.Transpose.ROTATE_270}
    standing = quarters((240, 160))
    lying = standing.transpose(turns[orientation]) if orientation in turns else standing
    data = encoded(lying, "JPEG", exif=exif_with(orientation))
    for recipe in (Recipe("wide", 240, 20, "cover", position), Recipe("high", 20, 160, "cover", position)):
        crop = decoded(one_of(data, recipe).data).convert("RGB")
        x = 5 if "left" in position else crop.width - 5
        y = 5 if "top" in position else crop.height - 5
        assert crop.getpixel((x, y)) == pytest.approx(color, abs=12)


@pytest.mark.parametrize(("point", "left"), [((0.0, 0.5), 0), ((0.5, 0.5), 100), ((1.0, 0.5), 200)])
def test_a_focal_point_is_in_the_middle_of_a_crop_and_comes_before_its_position(
    point: tuple[float, float], left: int
) -> None:
    ramp = Image.fromarray(np.tile(np.linspace(0, 255, 300).astype(np.uint8), (100, 1)), "L")
    recipe = Recipe("r", 100, 100, "cover", "attention")
    crop = decoded(one_of(encoded(ramp, "PNG"), recipe, focal_point=point).data)
    assert crop.getpixel((0, 50)) == pytest.approx(255 * left / 300, abs=6)


@pytest.mark.parametrize("place", [(20, 40), (240, 40)])
def test_attention_finds_what_stands_out(place: tuple[int, int]) -> None:
    image = solid((90, 100, 95), (300, 100))
    image.paste((230, 40, 30), (*place, place[0] + 30, place[1] + 30))
    crop = decoded(one_of(encoded(image, "PNG"), Recipe("r", 100, 100, "cover", "attention")).data)
    red = np.asarray(crop.convert("RGB"), int)
    assert ((red[..., 0] > 180) & (red[..., 1] < 90)).sum() > 700


# Formats.


@pytest.mark.parametrize("format", ["jpeg", "webp", "avif", "png"])
def test_each_format_shows_the_picture(format: str) -> None:
    data = photo(5, 320, 240, "PNG")
    rendition = one_of(data, Recipe("r", 160, 120, formats=(format,)))
    image = decoded(rendition.data)
    assert rendition.content_type == f"image/{format}" == f"image/{(image.format or '').lower()}"
    assert psnr(image, drawn_photo(5, 320, 240).resize((160, 120), Image.Resampling.LANCZOS)) > 27


def test_several_formats_give_one_rendition_each() -> None:
    recipe = Recipe("r", 100, formats=("avif", "webp", "auto", "jpeg"), version=3)
    renditions = made_from(photo(1, 320, 240), recipe).renditions
    assert [one.extension for one in renditions] == ["avif", "webp", "jpg"]
    assert {(one.name, one.version, one.animated) for one in renditions} == {("r", 3, False)}


@pytest.mark.parametrize("format", ["jpeg", "webp", "avif"])
def test_less_quality_is_fewer_bytes(format: str) -> None:
    data = photo(1, 320, 240, "PNG")
    low, high = (
        one_of(data, Recipe("r", 200, formats=(format,), quality=Quality(**{format: value})))
        for value in (20, 90)
    )
    assert len(low.data) < len(high.data)


# Transparency.

TRANSPARENT = {
    "PNG": encoded(logo(), "PNG"),
    "PNG with a palette": encoded(logo().quantize(16), "PNG"),
    "LA": encoded(logo().convert("LA"), "PNG"),
    "WebP": encoded(logo(), "WEBP", lossless=True),
    "AVIF": encoded(logo(), "AVIF", quality=95),
    "HEIC": encoded(logo(), "HEIF", quality=95),
    "TIFF": encoded(logo(), "TIFF"),
    "GIF": encoded(logo(), "GIF"),
}


@pytest.mark.parametrize("data", TRANSPARENT.values(), ids=TRANSPARENT.keys())
@pytest.mark.parametrize("format", ["auto", "webp", "avif", "png"])
def test_transparency_is_kept(format: str, data: bytes) -> None:
    made = made_from(data, Recipe("r", 100, formats=(format,)))
    shown = np.asarray(decoded(made.renditions[0].data).convert("RGBA"), int)
    assert "alpha" not in made.losses
    assert made.renditions[0].content_type == ("image/webp" if format == "auto" else f"image/{format}")
    assert shown[2, 2, 3] == pytest.approx(0, abs=3)
    assert shown[30, 50, 3] == pytest.approx(255, abs=3)


@pytest.mark.parametrize("format", ["webp", "avif", "png"])
def test_nothing_of_what_is_clear_bleeds_into_what_is_seen(format: str) -> None:
    """Black lies behind the clear part; a careless resize would give the disc a dark rim."""
    quality = Quality(webp=100, avif=95)
    data = one_of(TRANSPARENT["PNG"], Recipe("r", 50, formats=(format,), quality=quality)).data
    shown = np.asarray(decoded(data).convert("RGBA"), int)
    rim = shown[(shown[..., 3] > 60) & (shown[..., 3] < 250)]
    assert len(rim) > 20
    assert rim[:, 0].mean() == pytest.approx(220, abs=12)


def test_a_jpeg_of_it_lies_on_the_background() -> None:
    made = made_from(TRANSPARENT["PNG"], Recipe("r", 100, formats=("jpeg",), background="#00c8ff"))
    shown = decoded(made.renditions[0].data)
    assert shown.getpixel((2, 2)) == pytest.approx((0, 200, 255), abs=6)
    assert made.losses == ("alpha",)


def test_colours_are_those_of_what_is_seen() -> None:
    white = Image.new("RGBA", (100, 100), (255, 255, 255, 0))
    white.paste((220, 30, 30, 255), (40, 40, 60, 60))
    (color,) = made_from(encoded(white, "PNG"), *DEFAULTS).colors
    assert (color.hue, color.share) == (0, 1.0)
    assert made_from(encoded(Image.new("RGBA", (9, 9)), "PNG"), *DEFAULTS).colors == ()


def test_an_opaque_alpha_channel_is_no_transparency() -> None:
    made = made_from(encoded(solid("red").convert("RGBA"), "PNG"), *DEFAULTS)
    assert {one.content_type for one in made.renditions} == {"image/jpeg"}


def test_the_bars_of_contain_have_the_background() -> None:
    recipe = Recipe("r", 100, 100, "contain", "left top", formats=("png",), background="#204060")
    shown = decoded(one_of(encoded(quarters((200, 100)), "PNG"), recipe).data).convert("RGB")
    assert (shown.size, shown.getpixel((50, 90))) == ((100, 100), (0x20, 0x40, 0x60))
    assert shown.getpixel((5, 5)) == pytest.approx((220, 30, 30), abs=3)


# Animation.

FILMS = {
    "GIF": moving("GIF", film(), loop=0),
    "WebP": moving("WEBP", film(), loop=0, lossless=True),
    "APNG": moving("PNG", film(), loop=0),
    "AVIF": moving("AVIF", film(), quality=90),
}


def seen_frames(data: bytes) -> list[tuple[Image.Image, int]]:
    with Image.open(io.BytesIO(data)) as image:
        found = []
        for frame in ImageSequence.Iterator(image):
            shown = frame.convert("RGB")  # decodes it, and only then says its time
            found.append((shown, round(frame.info["duration"])))
        return found


@pytest.mark.parametrize("data", FILMS.values(), ids=FILMS.keys())
@pytest.mark.parametrize("format", ["auto", "webp", "avif", "png"])
def test_all_frames_are_kept_with_their_times(format: str, data: bytes) -> None:
    made = made_from(data, Recipe("r", 60, formats=(format,)))
    assert (made.losses, made.renditions[0].animated) == ((), True)
    shown = seen_frames(made.renditions[0].data)
    assert [duration for _, duration in shown] == [100, 120, 140, 160]
    for (image, _), expected in zip(shown, film(), strict=True):
        assert psnr(image, expected.resize((60, 40), Image.Resampling.LANCZOS)) > 24


@pytest.mark.parametrize(("disposal", "left"), [(1, (40, 40, 40)), (2, None), (3, (200, 0, 0))])
def test_a_gif_disposes_of_its_frames_as_it_says(disposal: int, left: tuple[int, ...] | None) -> None:
    """A red ground, a grey square on it that is disposed of, then a green one elsewhere."""
    patches = [
        (solid((200, 0, 0), (80, 80)), (0, 0), 1),
        (solid((40, 40, 40), (40, 40)), (0, 0), disposal),
        (solid((0, 180, 0), (20, 20)), (60, 60), 1),
    ]
    recipe = Recipe("r", formats=("png",))
    with Image.open(io.BytesIO(one_of(gif_of((80, 80), patches), recipe).data)) as image:
        image.seek(2)
        seen = image.convert("RGBA")
    assert seen.getpixel((10, 60)) == (200, 0, 0, 255)
    assert seen.getpixel((70, 70)) == (0, 180, 0, 255)
    assert seen.getpixel((10, 10)) == ((*left, 255) if left else (0, 0, 0, 0))


@pytest.mark.parametrize(("loop", "plays"), [({}, 1), ({"loop": 0}, 0), ({"loop": 2}, 3)], ids=str)
@pytest.mark.parametrize("format", ["webp", "png"])
def test_a_gif_is_played_as_often_as_it_says(format: str, loop: dict[str, int], plays: int) -> None:
    data = one_of(moving("GIF", film(), **loop), Recipe("r", 60, formats=(format,))).data
    assert decoded(data).info["loop"] == plays


def test_a_film_with_holes_keeps_them() -> None:
    frames = [logo((90, 120)), logo((90, 120)).rotate(90), Image.new("RGBA", (90, 120))]
    made = made_from(moving("WEBP", frames, lossless=True), Recipe("r", 30))
    with Image.open(io.BytesIO(made.renditions[0].data)) as image:
        assert image.convert("RGBA").getpixel((1, 1))[3] == 0  # type: ignore[index]


@pytest.mark.parametrize(
    ("recipe", "type_"),
    [(Recipe("r", 60, animation="first"), "image/jpeg"), (Recipe("r", 60, formats=("jpeg",)), "image/jpeg")],
)
def test_who_wants_no_film_gets_its_first_frame(recipe: Recipe, type_: str) -> None:
    made = made_from(FILMS["GIF"], recipe)
    assert (made.renditions[0].content_type, made.renditions[0].animated) == (type_, False)
    assert made.losses == ("animation",)
    assert psnr(decoded(made.renditions[0].data), film()[0].resize((60, 40))) > 24


def test_a_film_beyond_the_budget_is_its_first_frame() -> None:
    pixels = 120 * 80 * 4
    assert made_from(FILMS["GIF"], Recipe("r", 60), max_pixels=3 * pixels).renditions[0].animated
    made = made_from(FILMS["GIF"], Recipe("r", 60), max_pixels=3 * pixels - 1)
    assert (made.renditions[0].animated, made.losses) == (False, ("animation",))


@pytest.mark.parametrize("kind", ["GIF", "APNG", "WebP"])
def test_a_film_that_is_damaged_in_the_middle_is_still_a_picture(kind: str) -> None:
    """As many frames as can be decoded, or the first alone."""
    noisy = [drawn_photo(seed, 120, 80) for seed in range(4)]
    data = bytearray(moving({"APNG": "PNG", "WebP": "WEBP"}.get(kind, kind), noisy))
    middle = len(data) * 5 // 8
    data[middle : middle + 400] = bytes(400)
    rendition = one_of(bytes(data), Recipe("r", 60))
    with Image.open(io.BytesIO(rendition.data)) as image:
        assert getattr(image, "n_frames", 1) <= 4
    assert (rendition.width, rendition.height) == (60, 40)


def test_a_frame_larger_than_its_picture_ends_a_gif() -> None:
    patches = [(solid("red", (20, 20)), (0, 0), 1), (solid("blue", (20, 20)), (0, 0), 1)]
    data = gif_of((20, 20), [*patches, (solid("green", (400, 400)), (0, 0), 1)])
    assert len(seen_frames(one_of(data, Recipe("r")).data)) == 2


def test_the_picture_before_a_film_is_no_part_of_it() -> None:
    data = moving("PNG", [solid("white", (120, 80)), *film()[:2]], default_image=True)
    assert len(seen_frames(one_of(data, Recipe("r", 60)).data)) == 2


# Never larger.


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP"])
def test_the_coded_data_of_the_original_are_kept_without_metadata(format: str) -> None:
    secret = exif_with(1) + b"52.5N 13.4E" * 20
    data = encoded(
        drawn_photo(3, 320, 240), format, exif=secret, **({} if format == "PNG" else {"quality": 30})
    )
    formats = (format.lower(),)
    rendition = one_of(data, Recipe("r", formats=formats, quality=Quality(jpeg=95, webp=100)))
    assert len(rendition.data) < len(data)
    assert b"52.5N" not in rendition.data
    assert np.array_equal(np.asarray(decoded(rendition.data)), np.asarray(decoded(data)))
    assert "exif" not in decoded(rendition.data).info


@pytest.mark.parametrize("orientation", [1, 6])
@pytest.mark.parametrize("format", ["JPEG", "WEBP", "PNG"])
def test_no_rendition_of_its_own_size_is_larger_than_the_original(format: str, orientation: int) -> None:
    options = {} if format == "PNG" else {"quality": 40}
    data = encoded(drawn_photo(3, 320, 240), format, exif=exif_with(orientation), **options)
    own = Recipe("own", formats=("webp",) if format == "WEBP" else ("jpeg",), quality=Quality(95, 100))
    for rendition in made_from(data, own, *(DEFAULTS if format != "WEBP" else ())).renditions:
        if rendition.width * rendition.height == 320 * 240:
            assert len(rendition.data) <= len(data)


def test_a_film_is_kept_as_it_was_coded() -> None:
    data = moving("WEBP", film(), loop=0, quality=10)
    rendition = one_of(data, Recipe("r", quality=Quality(webp=100)))
    assert (rendition.animated, len(seen_frames(rendition.data))) == (True, 4)
    assert len(rendition.data) <= len(data)


def test_the_same_picture_gives_the_same_bytes() -> None:
    data = photo(4, 640, 480)
    recipes = (*DEFAULTS, Recipe("all", 300, formats=("jpeg", "webp", "avif", "png")))
    assert made_from(data, *recipes) == made_from(data, *recipes)


def test_without_a_recipe_there_still_are_colours_and_a_placeholder() -> None:
    made = made_from(photo(4, 640, 480))
    assert made.renditions == ()
    assert made.colors
    assert made.placeholder
