from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from PIL import Image

from processing.imaging import ImageFailed
from processing.imaging.canvas.canvas import COLORS, WHITE, Canvas
from processing.imaging.canvas.pingpong import one_more
from tests import drawing

RNG = np.random.default_rng(1)


def pixels_of(data: bytes) -> np.ndarray:
    return np.asarray(drawing.decoded(data).convert("RGB"))


def packed(pixels: np.ndarray) -> np.ndarray:
    return (pixels.astype(np.uint32) @ np.array([1 << 16, 1 << 8, 1], np.uint32)).ravel()


def png(pixels: np.ndarray) -> bytes:
    return drawing.encoded(Image.fromarray(pixels.astype(np.uint8), "RGB"), "PNG", compress_level=1)


def png_of_colors(colors: np.ndarray, width: int) -> bytes:
    channels = colors.astype(">u4").view(np.uint8).reshape(-1, width, 4)
    return png(channels[..., 1:])


def test_it_fills_a_canvas_step_by_step_with_colours_that_are_all_different() -> None:
    data = drawing.encoded(drawing.solid("white", (7, 5)), "PNG")
    progressions, colors = [], None
    for _ in range(35):
        step = one_more(data, RNG)
        assert step.data is not None
        assert (pixels_of(step.data) != pixels_of(data)).any(axis=2).sum() == 1
        data = step.data
        progressions.append(step.progression)
        colors = packed(pixels_of(data))
    assert progressions == [100 * n / 35 for n in range(1, 36)]
    assert colors is not None
    assert np.unique(colors).size == 35
    assert WHITE not in colors


def test_nothing_is_left_to_colour_on_a_full_canvas() -> None:
    step = one_more(drawing.encoded(drawing.solid("teal"), "PNG"), RNG)
    assert step.data is None
    assert step.progression == 100


def test_it_picks_its_pixel_at_random() -> None:
    data = drawing.encoded(drawing.solid("white", (40, 40)), "PNG")
    places = set()
    for _ in range(30):
        step = one_more(data, RNG)
        assert step.data is not None
        places.add(int(np.flatnonzero(packed(pixels_of(step.data)) != WHITE)[0]))
    assert len(places) > 20  # of 30 draws of 1600, 30.3 - 0.3 differ


def test_with_one_colour_left_it_takes_that_one() -> None:
    colors = np.arange(COLORS, dtype=np.uint32)
    colors[0x123456] = WHITE  # this pixel is still white, and so is the one whose colour is white
    step = one_more(png_of_colors(colors, 4096), RNG)
    assert step.data is not None
    full = packed(pixels_of(step.data))
    changed = np.flatnonzero(full != colors)
    assert changed.size == 1
    assert full[changed[0]] == 0x123456
    assert changed[0] in (0x123456, WHITE)
    assert step.coloured == COLORS - 1
    assert step.progression < 100


def test_white_is_the_colour_when_it_is_the_only_one_left() -> None:
    data = png_of_colors(np.arange(COLORS, dtype=np.uint32), 4096)
    step = one_more(data, RNG)
    assert step.data is not None
    assert step.progression == 100
    assert np.array_equal(pixels_of(step.data), pixels_of(data))


def test_it_takes_up_a_canvas_where_a_snapshot_left_it() -> None:
    file = io.BytesIO()
    Canvas(256, 256, 1).write_png(file, 50)
    step = one_more(file.getvalue(), RNG)
    assert step.coloured == 256 * 256 // 2 + 1


LAYOUTS: list[tuple[str, Any]] = [
    ("1", 1),
    ("L", 255),
    ("LA", (255, 255)),
    ("P", 0),
    ("RGB", (255, 255, 255)),
    ("RGBA", (255, 255, 255, 255)),
    ("RGBA", (0, 0, 0, 0)),
    ("I;16", 65535),
]


@pytest.mark.parametrize(("mode", "color"), LAYOUTS)
def test_it_takes_every_layout_a_png_can_have(mode: str, color: Any) -> None:
    image = Image.new(mode, (6, 4), color)
    if mode == "P":
        image.putpalette([255, 255, 255, 0, 0, 0])
    step = one_more(drawing.encoded(image, "PNG"), RNG)
    assert (step.coloured, step.pixels) == (1, 24)
    assert step.data is not None
    assert drawing.decoded(step.data).mode == "RGB"


def test_it_keeps_the_colours_that_are_there() -> None:
    picture = drawing.drawn_photo(3, 60, 40)
    picture.putpixel((10, 20), (255, 255, 255))
    pixels = np.asarray(picture).copy()
    white = (pixels == 255).all(axis=2)
    step = one_more(png(pixels), RNG)
    assert step.data is not None
    assert np.array_equal(pixels_of(step.data)[~white], pixels[~white])
    assert step.coloured == 2400 - white.sum() + 1


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "unsupported_format"),
        (b"no picture", "unsupported_format"),
        (drawing.photo(1, 20, 20), "unsupported_format"),
        (drawing.encoded(drawing.solid("white"), "PNG")[:60], "truncated"),
        (drawing.encoded(drawing.solid("white"), "PNG")[:20], "truncated"),
    ],
)
def test_it_says_what_is_wrong_with_a_file(data: bytes, code: str) -> None:
    with pytest.raises(ImageFailed) as caught:
        one_more(data, RNG)
    assert caught.value.code == code


def test_it_says_that_pixels_are_damaged() -> None:
    data = bytearray(drawing.encoded(drawing.drawn_photo(1, 60, 60), "PNG"))
    data[60:80] = bytes(20)
    with pytest.raises(ImageFailed) as caught:
        one_more(bytes(data), RNG)
    assert caught.value.code in ("undecodable", "truncated")


@pytest.mark.parametrize("size", [(4097, 1), (1, 4097)])
def test_it_refuses_sides_above_4096_by_name(size: tuple[int, int]) -> None:
    with pytest.raises(ImageFailed, match=f"{size[0]} x {size[1]} px; allowed are 4096 x 4096") as caught:
        one_more(drawing.encoded(Image.new("L", size, 255), "PNG"), RNG)
    assert caught.value.code == "canvas_too_large"


def test_it_refuses_a_png_bomb_before_decoding() -> None:
    bomb = drawing.encoded(Image.new("1", (30_000, 30_000), 1), "PNG")
    with pytest.raises(ImageFailed) as caught:
        one_more(bomb[:-1000], RNG)  # to a decoder it would be truncated
    assert caught.value.code == "canvas_too_large"
