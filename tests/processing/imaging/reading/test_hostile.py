"""What must be refused, with which code."""

from __future__ import annotations

import errno
import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from processing.imaging import FORMATS, ImageFailed, make, probe
from tests.drawing import encoded, exif_with, gif_bomb, photo, png_file, solid
from tests.processing.imaging.sizes import sizes

BUDGET = 100_000_000
PLUGINS = [known.plugin for known in FORMATS]


def refusal(data: bytes) -> ImageFailed:
    with pytest.raises(ImageFailed) as caught:
        make(io.BytesIO(data), sizes(50), max_pixels=BUDGET)
    return caught.value


def probe_refusal(data: bytes) -> ImageFailed:
    with pytest.raises(ImageFailed) as caught:
        probe(io.BytesIO(data), max_pixels=BUDGET)
    return caught.value


def jpeg_with(segments: bytes) -> bytes:
    """The segments follow the JFIF header, 20 bytes in."""
    data = photo(1, 64, 48)
    return data[:20] + segments + data[20:]


def app1(payload: bytes) -> bytes:
    return b"\xff\xe1" + struct.pack(">H", len(payload) + 2) + payload


def webp_of(kind: bytes, payload: bytes) -> bytes:
    body = b"WEBP" + kind + struct.pack("<I", len(payload)) + payload
    return b"RIFF" + struct.pack("<I", len(body)) + body


def with_sides(data: bytes, old: bytes, new: bytes) -> bytes:
    assert data.count(old) == 1
    return data.replace(old, new)


JPEG_SIDES = struct.pack(">HH", 48, 64)
BOMBS = {
    "PNG": png_file((65_535, 65_535), b""),
    "JPEG": with_sides(photo(1, 64, 48), JPEG_SIDES, struct.pack(">HH", 65_500, 65_500)),
    "WebP": webp_of(b"VP8X", bytes((0x10, 0, 0, 0)) + b"\xff\x3f\0" * 2),
    "WebP, lossy": webp_of(b"VP8 ", b"\0\0\0\x9d\x01\x2a" + struct.pack("<HH", 16_383, 16_383)),
    "WebP, lossless": webp_of(b"VP8L", b"\x2f" + struct.pack("<I", 0x0FFF_FFFF) + bytes(9)),
    "GIF": gif_bomb(1, (65_535, 65_535)),
    "GIF frames": gif_bomb(10_000),
    "BMP": with_sides(
        photo(1, 64, 48, "BMP"), struct.pack("<ii", 64, 48), struct.pack("<ii", 60_000, 60_000)
    ),
    "PNG frames": png_file(
        (64, 48), bytes(64 * 48 * 3), chunks=((b"acTL", struct.pack(">II", 2**31 - 1, 0)),)
    ),
}


@pytest.mark.parametrize("data", BOMBS.values(), ids=BOMBS.keys())
def test_it_refuses_a_pixel_bomb_before_decoding(data: bytes) -> None:
    assert probe_refusal(data).code == "too_many_pixels"
    assert refusal(data).code == "too_many_pixels"


@pytest.mark.parametrize("name", [b"zTXt", b"iCCP", b"tEXt"])
@pytest.mark.parametrize("place", ["chunks", "late_chunks"])
def test_metadata_that_unpacks_to_megabytes_is_passed_over(name: bytes, place: str) -> None:
    bomb = b"name\0\0" + zlib.compress(bytes(50_000_000))
    data = png_file((8, 8), bytes((9, 99, 200)) * 64, **{place: ((name, bomb),)})  # type: ignore[arg-type]
    made = make(io.BytesIO(data), sizes(), max_pixels=BUDGET)
    assert made == make(io.BytesIO(png_file((8, 8), bytes((9, 99, 200)) * 64)), sizes(), max_pixels=BUDGET)


@pytest.mark.parametrize(
    "segments",
    [
        app1(b"Exif\0\0" + bytes(65_000)) * 900,
        b"\xff" * 3 + app1(b"Exif\0\0" + bytes(65_000)) * 900,
        b"stray" + app1(b"Exif\0\0" + bytes(65_000)) * 900,
        app1(b"http://ns.adobe.com/xap/1.0/\0" + bytes(65_000)) * 900,
        b"\0" * 3_000_000,
        b"\xff" * 3_000_000,
        b"\xff\xd0" * 1_000_000,
    ],
    ids=["exif", "fill, exif", "stray bytes, exif", "xmp", "stray bytes", "fill bytes", "restarts"],
)
def test_it_refuses_a_metadata_bomb_in_a_jpeg(segments: bytes) -> None:
    assert probe_refusal(jpeg_with(segments)).code == "undecodable"


def test_it_takes_a_jpeg_with_as_much_metadata_as_a_phone_writes() -> None:
    segments = (
        app1(exif_with(1) + bytes(60_000))
        + app1(b"http://ns.adobe.com/xmp/extension/\0" + bytes(65_000)) * 40
    )
    assert probe(io.BytesIO(jpeg_with(segments)), max_pixels=BUDGET).width == 64


NOT_PICTURES = {
    "text": b"hello world " * 100,
    "SVG": b"<svg xmlns='http://www.w3.org/2000/svg'><image href='file:///etc/passwd'/></svg>",
    "XML": b"<?xml version='1.0'?><!DOCTYPE x [<!ENTITY y SYSTEM 'file:///etc/passwd'>]><svg>&y;</svg>",
    "PDF": b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n",
    "EPS": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\nshowpage\n",
    "PSD": b"8BPS\0\1" + bytes(60),
    "ZIP": b"PK\3\4" + bytes(60),
    "one byte": b"x",
    "JPEG 2000": encoded(solid("red"), "JPEG2000"),
    "ICNS": encoded(solid("red", (32, 32)), "ICNS"),
    "ICO": encoded(solid("red", (32, 32)), "ICO"),
    "PPM": encoded(solid("red"), "PPM"),
    "TGA": encoded(solid("red"), "TGA"),
}


@pytest.mark.parametrize("data", NOT_PICTURES.values(), ids=NOT_PICTURES.keys())
def test_it_refuses_every_other_format(data: bytes) -> None:
    failure = probe_refusal(data)
    assert (failure.code, failure.permanent) == ("unsupported_format", True)


def test_it_refuses_an_empty_file() -> None:
    assert probe_refusal(b"").code == "empty_file"


@pytest.mark.parametrize("plugin", PLUGINS)
@pytest.mark.parametrize("share", [0.35, 0.8])
def test_a_file_that_ends_early_is_truncated(plugin: str, share: float) -> None:
    data = photo(2, 320, 240, plugin)
    failure = refusal(data[: int(len(data) * share)])
    assert (failure.code, failure.permanent) == ("truncated", True)


@pytest.mark.parametrize("plugin", PLUGINS)
def test_no_cut_and_no_damage_gets_anything_but_an_answer(plugin: str) -> None:
    data = photo(2, 96, 64, plugin)
    rng = np.random.default_rng(4)
    answers = set()
    for _ in range(60):
        damaged = bytearray(data[: int(rng.integers(1, len(data) + 1))] if rng.random() < 0.3 else data)
        for place in rng.integers(0, min(len(damaged), int(rng.choice([64, 400, len(data)]))), 6):
            damaged[place] = rng.integers(0, 256)
        try:
            make(io.BytesIO(bytes(damaged)), sizes(20), max_pixels=10**7)
            answers.add("made")
        except ImageFailed as failure:
            answers.add(failure.code)
    assert answers >= {"undecodable"}
    assert answers <= {"made", "undecodable", "truncated", "unsupported_format", "too_many_pixels"}


def test_a_damaged_body_is_undecodable() -> None:
    data = bytearray(photo(1, 64, 48, "PNG"))
    data[len(data) // 2] ^= 0xFF
    assert refusal(bytes(data)).code == "undecodable"


@pytest.mark.parametrize("tail", [b"<script>alert(1)</script>", b"PK\3\4" + bytes(99), bytes(70_000)])
def test_what_follows_a_picture_is_not_passed_on(tail: bytes) -> None:
    plain = make(io.BytesIO(photo(1, 64, 48)), sizes(), max_pixels=BUDGET)
    assert make(io.BytesIO(photo(1, 64, 48) + tail), sizes(), max_pixels=BUDGET) == plain


class Failing(io.BytesIO):
    """A file whose pixels cannot be read."""

    def __init__(self, data: bytes, error: Exception) -> None:
        super().__init__(data)
        self.error = error

    def read(self, size: int | None = -1, /) -> bytes:
        if self.tell() > 600:
            raise self.error
        return super().read(size)


@pytest.mark.parametrize("number", [errno.EIO, errno.ENOSPC, errno.ESTALE])
def test_a_broken_disk_is_not_the_fault_of_the_picture(number: int) -> None:
    with pytest.raises(OSError, match="disk") as caught:
        make(Failing(photo(1), OSError(number, "the disk")), sizes(), max_pixels=BUDGET)
    assert caught.value.errno == number


@pytest.mark.parametrize("error", [MemoryError(), OSError(errno.ENOMEM, "Cannot allocate memory")])
def test_missing_memory_may_pass(error: Exception) -> None:
    with pytest.raises(ImageFailed) as caught:
        make(Failing(photo(1), error), sizes(), max_pixels=BUDGET)
    assert (caught.value.code, caught.value.permanent) == ("out_of_memory", False)


class TimeIsUpError(Exception):
    """What a worker raises into running code."""


def test_a_time_limit_passes_through() -> None:
    with pytest.raises(TimeIsUpError):
        make(Failing(photo(1), TimeIsUpError()), sizes(), max_pixels=BUDGET)


def test_nothing_is_changed_for_others(tmp_path: Path) -> None:
    """Pillow's tolerance for truncated files would be switched for the whole process."""
    path = tmp_path / "cut.jpg"
    path.write_bytes(photo(1)[:-2_000])
    with path.open("rb") as file, pytest.raises(ImageFailed):
        make(file, sizes(), max_pixels=BUDGET)
    with Image.open(path) as image, pytest.raises(OSError, match="truncated"):
        image.load()
