"""Every pixel layout comes out in its right colours."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from processing.imaging import Made, make
from tests.drawing import decoded, drawn_photo, encoded, png_file, psnr, solid, tiff_file
from tests.processing.imaging.sizes import sizes

SIZE = (64, 48)
PIXELS = SIZE[0] * SIZE[1]
OCHRE = (200, 100, 50)
RAMP = b"".join(bytes((index, 0, 255 - index)) for index in range(256))


def made_from(data: bytes) -> Made:
    return make(io.BytesIO(data), sizes(24), max_pixels=10**7)


def shown(made: Made) -> tuple[int, int, int]:
    image = decoded(made.renditions[0].data).convert("RGB")
    x, y = image.width // 2, image.height // 2
    red, green, blue = image.crop((x, y, x + 1, y + 1)).tobytes()
    return red, green, blue


def sixteen(*values: int) -> bytes:
    return struct.pack(f">{len(values)}H", *values) * PIXELS


def png(rows: bytes, bit_depth: int, color_type: int, *chunks: tuple[bytes, bytes]) -> bytes:
    return png_file(SIZE, rows, bit_depth=bit_depth, color_type=color_type, chunks=chunks)


PNGS = {
    "grey": (png(bytes([77]) * PIXELS, 8, 0), (77, 77, 77), ()),
    "grey of 1 bit": (png(b"\xff" * (PIXELS // 8), 1, 0), (255, 255, 255), ()),
    "grey of 2 bits": (png(b"\x55" * (PIXELS // 4), 2, 0), (85, 85, 85), ()),
    "grey of 16 bits": (png(sixteen(30_000), 16, 0), (117, 117, 117), ("depth",)),
    "grey of 16 bits, white": (png(sixteen(65_535), 16, 0), (255, 255, 255), ("depth",)),
    "grey and alpha of 16 bits": (png(sixteen(30_000, 32_768), 16, 4), (186, 186, 186), ("alpha", "depth")),
    "RGB of 16 bits": (png(sixteen(51_400, 25_700, 12_850), 16, 2), OCHRE, ("depth",)),
    "RGBA of 16 bits": (png(sixteen(51_400, 25_700, 12_850, 0), 16, 6), (255, 255, 255), ("alpha", "depth")),
    "RGBA, opaque": (png(bytes((*OCHRE, 255)) * PIXELS, 8, 6), OCHRE, ()),
    "RGBA, half": (png(bytes((0, 0, 0, 128)) * PIXELS, 8, 6), (127, 127, 127), ("alpha",)),
    "RGB with one clear colour": (
        png(bytes(OCHRE) * PIXELS, 8, 2, (b"tRNS", struct.pack(">3H", *OCHRE))),
        (255, 255, 255),
        ("alpha",),
    ),
    "grey with one clear value": (
        png(bytes([77]) * PIXELS, 8, 0, (b"tRNS", struct.pack(">H", 77))),
        (255, 255, 255),
        ("alpha",),
    ),
    "1 bit with one clear value": (
        png(bytes(PIXELS // 8), 1, 0, (b"tRNS", struct.pack(">H", 0))),
        (255, 255, 255),
        ("alpha",),
    ),
    "16 bits with one clear value": (
        png(sixteen(30_000), 16, 0, (b"tRNS", struct.pack(">H", 30_000))),
        (255, 255, 255),
        ("alpha", "depth"),
    ),
    "palette": (png(b"\x05" * PIXELS, 8, 3, (b"PLTE", RAMP)), (5, 0, 250), ()),
    "palette with alpha": (
        png(b"\x05" * PIXELS, 8, 3, (b"PLTE", RAMP), (b"tRNS", b"\xff" * 5 + b"\0")),
        (255, 255, 255),
        ("alpha",),
    ),
    "palette with unused alpha": (
        png(b"\x05" * PIXELS, 8, 3, (b"PLTE", RAMP), (b"tRNS", b"\0" + b"\xff" * 5)),
        (5, 0, 250),
        (),
    ),
}


@pytest.mark.parametrize(("data", "color", "losses"), PNGS.values(), ids=PNGS.keys())
def test_png(data: bytes, color: tuple[int, int, int], losses: tuple[str, ...]) -> None:
    made = made_from(data)
    assert shown(made) == pytest.approx(color, abs=3)
    assert made.losses == losses


def tiff(layout: str, *values: float, bits: tuple[int, ...], photometric: int, order: str = "<") -> bytes:
    data = struct.pack(order + layout, *values) * PIXELS
    return tiff_file(SIZE, data, bits=bits, photometric=photometric, order=order)


TWELVE_BITS = tiff_file(SIZE, b"\x80\x08\x00" * (PIXELS // 2), bits=(12,), photometric=1)
DARK_INKS = (0, 32_767, 49_151, 14_135)

TIFFS = {
    "16 bits, Intel": (tiff("H", 30_000, bits=(16,), photometric=1), (117, 117, 117), ("depth",)),
    "16 bits, Motorola": (
        tiff("H", 30_000, bits=(16,), photometric=1, order=">"),
        (117, 117, 117),
        ("depth",),
    ),
    "16 bits, 0 is white": (tiff("H", 60_000, bits=(16,), photometric=0), (22, 22, 22), ("depth",)),
    "12 bits": (TWELVE_BITS, (128, 128, 128), ("depth",)),
    "8 bits, 0 is white": (tiff("B", 200, bits=(8,), photometric=0), (55, 55, 55), ()),
    "RGB of 16 bits": (
        tiff("3H", 51_400, 25_700, 12_850, bits=(16,) * 3, photometric=2, order=">"),
        OCHRE,
        ("depth",),
    ),
    "CMYK of 16 bits": (
        tiff("4H", *DARK_INKS, bits=(16,) * 4, photometric=5),
        (200, 100, 50),
        ("depth", "gamut"),
    ),
}


@pytest.mark.parametrize(("data", "color", "losses"), TIFFS.values(), ids=TIFFS.keys())
def test_tiff(data: bytes, color: tuple[int, int, int], losses: tuple[str, ...]) -> None:
    made = made_from(data)
    assert shown(made) == pytest.approx(color, abs=3)
    assert made.losses == losses


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "RGBX", "CMYK", "YCbCr", "LAB", "PA", "P", "L", "LA", "1"])
@pytest.mark.parametrize("options", [{}, {"compression": "tiff_lzw"}, {"big_tiff": True}], ids=str)
def test_every_mode_of_tiff(mode: str, options: dict) -> None:
    image = (
        solid("white", SIZE).convert("RGBA").convert(mode) if mode in ("PA", "RGBA") else solid("white", SIZE)
    )
    assert min(shown(made_from(encoded(image.convert(mode), "TIFF", **options)))) > 250


@pytest.mark.parametrize(
    "values",
    [np.linspace(-1e6, 1e6, 64, dtype=np.float32), np.linspace(0, 1, 64, dtype=np.float32)],
    ids=["any range", "0 to 1"],
)
def test_floating_point_runs_from_black_to_white(values: np.ndarray) -> None:
    made = made_from(encoded(Image.fromarray(np.tile(values, (48, 1)), "F"), "TIFF"))
    row = np.asarray(decoded(made.renditions[0].data))[24].astype(int)
    assert (row[0] < 6, row[-1] > 249) == (True, True)
    assert (np.diff(row) > -3).all()
    assert made.losses == ("depth",)


def test_floating_point_without_a_number_in_it_is_still_a_picture() -> None:
    nothing = np.full((48, 64), np.nan, np.float32)
    nothing[0, 0] = np.inf
    assert made_from(encoded(Image.fromarray(nothing, "F"), "TIFF")).losses == ("depth",)


def test_integers_of_32_bits_run_from_black_to_white() -> None:
    values = np.tile(np.linspace(-(2**31), 2**31 - 1, 64).astype(np.int32), (48, 1))
    row = np.asarray(decoded(made_from(encoded(Image.fromarray(values, "I"), "TIFF")).renditions[0].data))[24]
    assert (row[0] < 6, row[-1] > 249) == (True, True)


@pytest.mark.parametrize(
    ("format", "options"),
    [
        ("PNG", {}),
        ("BMP", {}),
        ("JPEG", {"progressive": True}),
        ("JPEG", {"restart_marker_rows": 1}),
        ("JPEG", {"subsampling": "4:4:4"}),
        ("WEBP", {"lossless": True}),
        ("AVIF", {}),
        ("HEIF", {}),
        ("TIFF", {"tiffinfo": {278: 16}}),
        ("TIFF", {"compression": "jpeg"}),
        ("TIFF", {"compression": "tiff_adobe_deflate"}),
    ],
    ids=str,
)
def test_a_photo_looks_the_same_from_any_file(format: str, options: dict) -> None:
    photo = drawn_photo(7, 320, 240)
    (web, _) = made_from(encoded(photo, format, **options)).renditions
    assert psnr(decoded(web.data), photo) > 27


def test_an_interlaced_png_is_read() -> None:
    """Adam7 of a 1 x 1 picture is its first pass alone."""
    data = bytearray(png_file((1, 1), bytes(OCHRE)))
    data[28] = 1
    data[29:33] = struct.pack(">I", zlib.crc32(bytes(data[12:29])))
    assert shown(made_from(bytes(data))) == pytest.approx(OCHRE, abs=3)


@pytest.mark.parametrize("format", ["GIF", "WEBP", "PNG", "AVIF", "HEIF", "TIFF"])
def test_of_several_frames_the_first_is_shown(format: str) -> None:
    data = encoded(solid(OCHRE), format, save_all=True, append_images=[solid("blue"), solid("green")])
    made = made_from(data)
    assert shown(made) == pytest.approx(OCHRE, abs=6)
    # The further pictures of a HEIC are not frames, they are pictures of their own.
    assert made.losses == (() if format == "HEIF" else ("animation",))


def test_a_first_frame_that_covers_a_part_is_put_in_its_place() -> None:
    """A 100 x 100 GIF whose only frame is a red 20 x 20 square at (60, 60)."""
    patch = bytearray(encoded(solid((255, 0, 0), (20, 20)).quantize(2), "GIF"))
    patch[6:10] = struct.pack("<HH", 100, 100)
    frame = patch.index(b"\x2c" + struct.pack("<4H", 0, 0, 20, 20))
    patch[frame + 1 : frame + 5] = struct.pack("<HH", 60, 60)
    made = make(io.BytesIO(bytes(patch)), sizes(), max_pixels=10**6)
    image = decoded(made.renditions[0].data).convert("RGB")
    assert image.size == (100, 100)
    assert image.getpixel((70, 70)) == pytest.approx((254, 0, 0), abs=8)


def test_a_second_view_in_a_photo_is_left_alone() -> None:
    made = made_from(encoded(solid(OCHRE), "MPO", save_all=True, append_images=[solid("blue")]))
    assert shown(made) == pytest.approx(OCHRE, abs=3)
    assert made.losses == ()
