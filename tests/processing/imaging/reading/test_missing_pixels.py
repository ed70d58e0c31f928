"""A picture whose pixels are all there is taken, whatever its file lacks; one that was cut is not."""

from __future__ import annotations

import io
import struct
import tracemalloc
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from processing.imaging import ImageFailed, Made, make, probe
from processing.imaging.reading.jpeg_ending import has_no_end, wants_more
from tests.drawing import decoded, drawn_photo, encoded, exif_with, photo, png_file, quarters, solid
from tests.processing.imaging.sizes import sizes

END = b"\xff\xd9"
KINDS: dict[str, dict[str, Any]] = {
    "baseline": {},
    "full colour": {"subsampling": "4:4:4"},
    "restarts": {"restart_marker_rows": 1},
    "progressive": {"progressive": True},
}


def made_from(data: bytes) -> Made:
    return make(io.BytesIO(data), sizes(120), max_pixels=10**8)


@pytest.mark.parametrize("options", KINDS.values(), ids=KINDS.keys())
@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
def test_a_jpeg_without_its_end_is_taken(mode: str, options: dict[str, Any]) -> None:
    data = encoded(drawn_photo(3, 333, 257).convert(mode), **options)
    assert data.endswith(END)
    assert made_from(data[:-2]) == made_from(data)
    assert probe(io.BytesIO(data[:-2]), max_pixels=10**6).width == 333


@pytest.mark.parametrize("end", [b"", END], ids=["without its end", "with much behind it"])
def test_a_probe_holds_little_of_a_large_file(end: bytes, tmp_path: Path) -> None:
    path = tmp_path / "large.jpg"
    path.write_bytes(photo(5, 320, 240).removesuffix(END) + end + bytes(64 * 1024 * 1024))
    tracemalloc.start()
    try:
        with path.open("rb") as file:
            assert probe(file, max_pixels=10**6).width == 320
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert most < 8 * 1024 * 1024


@pytest.mark.parametrize("options", KINDS.values(), ids=KINDS.keys())
@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
@pytest.mark.parametrize("share", [0.3, 0.5, 0.9])
@pytest.mark.parametrize("end", [b"", END], ids=["cut", "ended after the cut"])
def test_a_jpeg_that_lacks_pixels_is_truncated(
    share: float, mode: str, options: dict[str, Any], end: bytes
) -> None:
    data = encoded(drawn_photo(3, 333, 257).convert(mode), **options)
    with pytest.raises(ImageFailed) as caught:
        made_from(data[: int(len(data) * share)] + end)
    assert caught.value.code == "truncated"


@pytest.mark.parametrize("size", [(1, 1), (2, 3), (17, 9), (333, 257), (801, 1203)], ids=str)
@pytest.mark.parametrize("height", [1, 20, 60, 120, 300])
def test_a_whole_progressive_picture_is_taken_on_every_scale(size: tuple[int, int], height: int) -> None:
    data = encoded(drawn_photo(4, *size), progressive=True)
    made = make(io.BytesIO(data), sizes(height, web_width=height), max_pixels=10**8)
    assert made.renditions[0].width == min(size[0], height)


@pytest.mark.parametrize("share", [0.02, 0.5, 0.98])
def test_a_progressive_picture_that_lacks_some_of_its_last_scan_is_truncated(share: float) -> None:
    """Only fine detail is missing, below some row."""
    data = encoded(drawn_photo(5, 640, 480), progressive=True, quality=90)
    last = data.rindex(b"\xff\xda") + 12
    cut = int(last + (len(data) - last - 2) * share)
    with pytest.raises(ImageFailed) as caught:
        made_from(data[:cut].rstrip(b"\xff") + END)
    assert caught.value.code == "truncated"


@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
@pytest.mark.parametrize("options", KINDS.values(), ids=KINDS.keys())
def test_a_grey_picture_is_not_taken_for_a_cut_one(mode: str, options: dict[str, Any]) -> None:
    grey = solid((128, 128, 128), (200, 100)).convert(mode)
    assert made_from(encoded(grey, **options)).renditions[0].width == 200


def test_what_phones_put_behind_a_picture_is_no_part_of_it() -> None:
    data = photo(1, 320, 240)
    assert made_from(data + bytes(5_000)) == made_from(data)
    assert not wants_more(io.BytesIO(data + b"SEFT" * 99 + photo(2, 64, 48)))


@pytest.mark.parametrize("behind", [1, 2**18 - 1, 2**18, 2**25])
@pytest.mark.parametrize("end", [b"", END])
def test_the_end_is_looked_for_in_little_memory(behind: int, end: bytes) -> None:
    data = photo(1, 320, 240)
    scan = data.index(b"\xff\xda")
    file = io.BytesIO(data[:-2] + bytes(-(len(data) - 2 - scan) % 2**18 + 2**18 - 1) + end + bytes(behind))
    tracemalloc.start()
    try:
        assert has_no_end(file, scan) == (not end)
        assert tracemalloc.get_traced_memory()[1] < 2**21
    finally:
        tracemalloc.stop()


def bmp(alpha: int, *, bits: int = 32) -> bytes:
    """A BMP with a V4 header and a mask for alpha."""
    width, height = 64, 48
    masks = (0xFF0000, 0xFF00, 0xFF, 0xFF000000)
    pixels = bytes((50, 100, 200, alpha)) * width * height
    header = struct.pack("<IiiHHIIiiII4I", 108, width, height, 1, bits, 3, len(pixels), 0, 0, 0, 0, *masks)
    header = header.ljust(108, b"\0")
    return b"BM" + struct.pack("<IHHI", 14 + 108 + len(pixels), 0, 0, 122) + header + pixels


@pytest.mark.parametrize(
    ("alpha", "color", "losses"),
    [(0, (200, 100, 50), ()), (255, (200, 100, 50), ()), (128, (227, 177, 152), ("alpha",))],
)
def test_an_alpha_channel_of_zeros_means_nothing(
    alpha: int, color: tuple[int, ...], losses: tuple[str, ...]
) -> None:
    made = made_from(bmp(alpha))
    assert made.losses == losses
    assert np.asarray(decoded(made.renditions[0].data), int)[10, 10] == pytest.approx(color, abs=3)


def test_only_the_clear_colour_of_sixteen_bits_is_clear() -> None:
    """Half of the picture is one step away from it."""
    clear, beside = struct.pack(">3H", 0x1234, 0x5678, 0x9ABC), struct.pack(">3H", 0x1235, 0x5678, 0x9ABC)
    rows = (clear * 32 + beside * 32) * 48
    made = made_from(png_file((64, 48), rows, bit_depth=16, chunks=((b"tRNS", clear),)))
    shown = np.asarray(decoded(made.renditions[0].data), int)
    assert made.losses == ("alpha", "depth")
    assert shown[24, 8] == pytest.approx((255, 255, 255), abs=3)
    assert shown[24, 56] == pytest.approx((0x12, 0x56, 0x9A), abs=3)


def exif_text(exif: bytes, kind: bytes) -> bytes:
    return b"\n" + kind + f"\n{len(exif):8}\n".encode() + exif.hex().encode() + b"\n"


TURNED = exif_with(6)
TEXTS = {
    "tEXt exif": (b"tEXt", b"Raw profile type exif\0" + exif_text(TURNED, b"exif")),
    "tEXt APP1": (b"tEXt", b"Raw profile type APP1\0" + exif_text(TURNED, b"generic profile")),
    "tEXt without its name": (b"tEXt", b"Raw profile type exif\0" + exif_text(TURNED[6:], b"exif")),
    "zTXt": (b"zTXt", b"Raw profile type exif\0\0" + zlib.compress(exif_text(TURNED, b"exif"))),
    "iTXt": (b"iTXt", b"Raw profile type exif\0\0\0\0\0" + exif_text(TURNED, b"exif")),
    "iTXt, packed": (
        b"iTXt",
        b"Raw profile type exif\0\1\0\0\0" + zlib.compress(exif_text(TURNED, b"exif")),
    ),
}


@pytest.mark.parametrize("chunk", TEXTS.values(), ids=TEXTS.keys())
@pytest.mark.parametrize("place", ["chunks", "late_chunks"])
def test_exif_in_the_text_of_a_png_turns_it(place: str, chunk: tuple[bytes, bytes]) -> None:
    data = png_file((120, 80), np.asarray(quarters()).tobytes(), **{place: (chunk,)})  # type: ignore[arg-type]
    made = made_from(data)
    assert (made.renditions[0].width, made.renditions[0].height) == (80, 120)
    assert probe(io.BytesIO(data), max_pixels=10**6).width == 80
    corner = np.asarray(decoded(made.renditions[0].data), int)[10, 10]
    assert corner == pytest.approx((30, 30, 220), abs=12)


@pytest.mark.parametrize("text", [b"", b"\nexif\n", b"\nexif\n 8\nxyz", b"\nAPP1\n 8\n" + b"a" * 7])
def test_broken_exif_in_text_turns_nothing(text: bytes) -> None:
    data = png_file((8, 4), bytes(96), chunks=((b"tEXt", b"Raw profile type exif\0" + text),))
    assert made_from(data).renditions[0].width == 8


def test_the_chunk_for_exif_comes_before_text() -> None:
    chunks = (TEXTS["tEXt exif"], (b"eXIf", exif_with(3)[6:]))
    assert made_from(png_file((8, 4), bytes(96), chunks=chunks)).renditions[0].width == 8


XMP = (
    b"<x:xmpmeta xmlns:x='adobe:ns:meta/'><rdf:RDF xmlns:rdf='http://www.w3.org/1999/02/22-rdf-syntax-ns#'>"
    b"<rdf:Description xmlns:tiff='http://ns.adobe.com/tiff/1.0/' tiff:Orientation='6'/></rdf:RDF>"
    b"</x:xmpmeta>"
)


@pytest.mark.parametrize("format", ["JPEG", "WEBP", "PNG", "AVIF", "HEIF", "TIFF"])
def test_orientation_in_xmp_alone_turns_nothing(format: str) -> None:
    if format == "PNG":
        text = (b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + XMP)
        data = png_file((120, 80), np.asarray(quarters()).tobytes(), chunks=(text,))
    elif format == "TIFF":
        data = encoded(quarters(), format, tiffinfo={700: XMP})
    else:
        data = encoded(quarters(), format, xmp=XMP)
    assert made_from(data).renditions[0].width == 120
