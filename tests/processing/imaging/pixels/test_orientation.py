from __future__ import annotations

import io

import pytest
from PIL import Image, ImageOps

from processing.imaging import make
from tests.drawing import decoded, encoded, exif_with, psnr, quarters
from tests.processing.imaging.sizes import sizes

TURNS = {
    1: None,
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
@pytest.mark.parametrize("orientation", TURNS)
def test_every_rendition_stands_upright(orientation: int, format: str) -> None:
    """The picture is laid down with the inverse of the turn that its EXIF asks for."""
    standing = quarters((240, 160))
    turn = TURNS[orientation]
    lying = standing if turn is None else standing.transpose(turn)
    data = encoded(lying, format, exif=exif_with(orientation))
    made = make(io.BytesIO(data), sizes(80, web_width=120), max_pixels=10**7)
    for rendition in made.renditions:
        expected = standing.resize((rendition.width, rendition.height), Image.Resampling.LANCZOS)
        assert (rendition.width, rendition.height) == (120, 80)
        assert psnr(decoded(rendition.data), expected) > 24


@pytest.mark.parametrize("orientation", TURNS)
def test_a_heic_is_not_turned_twice(orientation: int) -> None:
    data = encoded(quarters((240, 160)), "HEIF", exif=exif_with(orientation))
    expected = ImageOps.exif_transpose(decoded(data))
    (web,) = make(io.BytesIO(data), sizes(), max_pixels=10**7).renditions
    assert (web.width, web.height) == expected.size
    assert psnr(decoded(web.data), expected) > 24


BROKEN_EXIF = [
    exif_with(0),
    exif_with(9),
    b"Exif\0\0broken",
    b"Exif\0\0MM\0*\0\0\0\x08\xff\xff",
    b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x05\0" + b"\xff" * 8,
    b"Exif\0\0II*\0\xff\xff\xff\x7f",
]


@pytest.mark.parametrize("exif", BROKEN_EXIF)
@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP"])
def test_a_broken_orientation_leaves_the_picture_as_it_is(format: str, exif: bytes) -> None:
    data = encoded(quarters((240, 160)), format, exif=exif)
    (web,) = make(io.BytesIO(data), sizes(), max_pixels=10**7).renditions
    assert (web.width, web.height) == (240, 160)
