from __future__ import annotations

import io
from pathlib import Path

import pytest

from processing.imaging import FORMATS, Format, ImageFailed, Probe, probe
from tests.drawing import encoded, exif_with, gif_bomb, photo, png_file, quarters, solid

PLENTY = 10**8


def probed(data: bytes, max_pixels: int = PLENTY) -> Probe:
    return probe(io.BytesIO(data), max_pixels=max_pixels)


@pytest.mark.parametrize("known", FORMATS, ids=lambda known: known.plugin)
def test_it_tells_the_format_by_the_bytes(known: Format) -> None:
    assert probed(photo(1, 64, 48, known.plugin)) == Probe(known.content_type, 64, 48, 1)


@pytest.mark.parametrize("known", FORMATS, ids=lambda known: known.plugin)
def test_it_reads_files_on_disk(known: Format, tmp_path: Path) -> None:
    path = tmp_path / "whatever.txt"
    path.write_bytes(photo(1, 64, 48, known.plugin))
    with path.open("rb") as file:
        assert probe(file, max_pixels=PLENTY).content_type == known.content_type
        assert not file.closed


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF", "HEIF"])
@pytest.mark.parametrize(
    ("orientation", "size"), [(1, (120, 80)), (3, (120, 80)), (6, (80, 120)), (8, (80, 120))]
)
def test_width_and_height_are_those_of_the_upright_picture(
    format: str, orientation: int, size: tuple[int, int]
) -> None:
    seen = probed(encoded(quarters((120, 80)), format, exif=exif_with(orientation)))
    assert (seen.width, seen.height) == size


@pytest.mark.parametrize("place", ["before", "behind"])
def test_the_orientation_of_a_png_is_found_before_and_behind_its_pixels(place: str) -> None:
    exif, nothing = ((b"eXIf", exif_with(6)[6:]),), ()
    chunks, late_chunks = (exif, nothing) if place == "before" else (nothing, exif)
    seen = probed(png_file((8, 4), bytes(8 * 4 * 3), chunks=chunks, late_chunks=late_chunks))
    assert (seen.width, seen.height) == (4, 8)


@pytest.mark.parametrize("format", ["GIF", "WEBP", "PNG", "AVIF", "TIFF"])
def test_it_counts_frames(format: str) -> None:
    pages = [solid("blue"), solid("green")]
    assert probed(encoded(solid("red"), format, save_all=True, append_images=pages)).frames == 3


@pytest.mark.parametrize("big", [False, True])
def test_it_counts_the_pages_of_both_kinds_of_tiff(big: bool) -> None:
    data = encoded(solid("red"), "TIFF", save_all=True, append_images=[solid("blue")], big_tiff=big)
    assert probed(data).frames == 2


def test_a_photo_with_a_second_view_counts_as_one_picture() -> None:
    data = encoded(solid("red"), "MPO", save_all=True, append_images=[solid("blue")])
    assert probed(data) == Probe("image/jpeg", 64, 48, 1)


def test_a_tiff_whose_pages_form_a_ring_is_counted_once() -> None:
    data = bytearray(encoded(solid("red"), "TIFF"))
    first = int.from_bytes(data[4:8], "little")
    next_at = first + 2 + 12 * int.from_bytes(data[first : first + 2], "little")
    data[next_at : next_at + 4] = first.to_bytes(4, "little")
    assert probed(bytes(data)).frames == 1


def test_the_budget_is_met_to_the_pixel() -> None:
    data = encoded(solid("red", (100, 50)), "PNG")
    assert probed(data, max_pixels=5_000).width == 100
    assert_refused(data, "too_many_pixels", max_pixels=4_999)


def test_pictures_beside_the_first_of_a_heic_are_not_frames() -> None:
    pages = [solid("blue", (200, 200)), solid("green")]
    data = encoded(solid("red"), "HEIF", save_all=True, append_images=pages)
    assert probed(data, max_pixels=64 * 48) == Probe("image/heic", 64, 48, 1)


def test_frames_beyond_the_budget_are_counted_and_those_of_a_bomb_refused() -> None:
    """Of the former only the first is drawn."""
    assert probed(gif_bomb(401), max_pixels=100_000_000).frames == 401
    assert probed(gif_bomb(800), max_pixels=100_000_000).frames == 800
    assert_refused(gif_bomb(801), "too_many_pixels", max_pixels=100_000_000)
    assert_refused(gif_bomb(10_000, (120, 100)), "too_many_pixels", max_pixels=100_000_000)


def test_pages_that_are_never_drawn_do_not_count() -> None:
    data = encoded(solid("red"), "TIFF", save_all=True, append_images=[solid("blue")] * 13)
    assert probed(data, max_pixels=64 * 48).frames == 14


def test_a_million_frames_of_one_pixel_are_a_bomb_too() -> None:
    assert_refused(gif_bomb(1_000_000, (1, 1)), "too_many_pixels", max_pixels=50_000_000)


def test_counting_stops_where_the_budget_ends() -> None:
    class Counting(io.BytesIO):
        reads = 0

        def read(self, size: int | None = -1, /) -> bytes:
            self.reads += 1
            return super().read(size)

    file = Counting(gif_bomb(10_000))
    with pytest.raises(ImageFailed, match="too_many_pixels"):
        probe(file, max_pixels=3_000_000)
    assert file.reads < 200


@pytest.mark.parametrize("format", ["JPEG", "PNG", "GIF", "AVIF", "HEIF", "BMP"])
def test_only_the_header_is_read(format: str) -> None:
    """The pixels may be anything: the header alone is the answer."""
    data = bytearray(photo(1, 640, 480, format))
    data[len(data) // 2 : -64] = bytes(len(data) - 64 - len(data) // 2)
    assert (probed(bytes(data)).width, probed(bytes(data)).height) == (640, 480)


def assert_refused(data: bytes, code: str, max_pixels: int = PLENTY) -> None:
    with pytest.raises(ImageFailed) as caught:
        probed(data, max_pixels)
    assert caught.value.code == code
