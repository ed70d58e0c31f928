"""Colours that a file names without a profile are shown as what they are."""

from __future__ import annotations

import io
import struct
from random import Random
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageCms, TiffImagePlugin, TiffTags

from processing.imaging import Made, make
from processing.imaging.pixels.color_spaces import from_cicp, profile
from processing.imaging.reading.isobmff import described
from tests.drawing import decoded, encoded, png_file, solid
from tests.processing.imaging.profiles import DISPLAY_P3, rgb_profile
from tests.processing.imaging.sizes import sizes

SIZE = (64, 48)
# The codes of paper white (203 cd/m2).
PQ_WHITE, HLG_WHITE = 0.5807, 0.75


def made_from(data: bytes) -> Made:
    return make(io.BytesIO(data), sizes(20), max_pixels=10**7)


def shown(made: Made) -> tuple[int, ...]:
    image = decoded(made.renditions[0].data).convert("RGB")
    return tuple(np.asarray(image)[image.height // 2, image.width // 2].tolist())


def nclx(format: str, color: tuple[int, int, int], primaries: int, transfer: int, **kwargs: Any) -> bytes:
    """A HEIC or AVIF with these numbers in place of the encoder's own."""
    data = encoded(solid(color, SIZE), format, quality=100, subsampling="4:4:4", **kwargs)
    at = data.index(b"colrnclx") + 8
    return data[:at] + struct.pack(">HH", primaries, transfer) + data[at + 4 :]


def png(color: tuple[int, ...], *chunks: tuple[bytes, bytes], color_type: int = 2) -> bytes:
    return png_file(SIZE, bytes(color) * SIZE[0] * SIZE[1], color_type=color_type, chunks=chunks)


def cicp(primaries: int, transfer: int) -> tuple[bytes, bytes]:
    return b"cICP", bytes((primaries, transfer, 0, 1))


P3_IN_SRGB, ADOBE_IN_SRGB = (215, 93, 31), (227, 100, 42)


@pytest.mark.parametrize("format", ["HEIF", "AVIF"])
def test_p3_by_nclx(format: str) -> None:
    made = made_from(nclx(format, (200, 100, 50), 12, 13))
    assert shown(made) == pytest.approx(P3_IN_SRGB, abs=6)
    assert made.losses == ("gamut",)


@pytest.mark.parametrize("format", ["HEIF", "AVIF"])
@pytest.mark.parametrize("numbers", [(1, 13), (2, 2), (1, 1), (1, 6), (2, 13)])
def test_srgb_and_nothing_change_nothing(format: str, numbers: tuple[int, int]) -> None:
    made = made_from(nclx(format, (200, 100, 50), *numbers))
    assert shown(made) == pytest.approx((200, 100, 50), abs=4)
    assert made.losses == ()


@pytest.mark.parametrize("format", ["HEIF", "AVIF"])
@pytest.mark.parametrize(("transfer", "code"), [(16, PQ_WHITE), (18, HLG_WHITE)], ids=["PQ", "HLG"])
def test_paper_white_is_white(format: str, transfer: int, code: float) -> None:
    level = round(code * 255)
    made = made_from(nclx(format, (level,) * 3, 9, transfer))
    assert min(shown(made)) >= 252
    assert "gamut" in made.losses


@pytest.mark.parametrize(("transfer", "code"), [(16, 0.4207), (18, 0.4558)], ids=["PQ", "HLG"])
def test_light_below_paper_white_is_kept(transfer: int, code: float) -> None:
    """A fifth of paper white is code 124 in sRGB."""
    made = made_from(png((round(code * 255),) * 3, cicp(9, transfer)))
    assert shown(made) == pytest.approx((124,) * 3, abs=5)


@pytest.mark.parametrize("transfer", [16, 18])
def test_brighter_codes_are_never_darker(transfer: int) -> None:
    ramp = np.tile(np.arange(256, dtype=np.uint8), (8, 1))
    space = from_cicp(9, transfer)
    assert space
    grey = Image.fromarray(np.stack([ramp] * 3, axis=2), "RGB")
    source = ImageCms.ImageCmsProfile(io.BytesIO(profile(space, "RGB")))
    changed = ImageCms.profileToProfile(grey, source, ImageCms.createProfile("sRGB"))
    assert changed is not None
    row = np.asarray(changed)[0].astype(int)
    assert (np.diff(row, axis=0) >= 0).all()
    assert (np.ptp(row, axis=1) <= 1).all()
    assert (row[0].max(), row[-1].min()) == (0, 255)


@pytest.mark.parametrize(
    ("numbers", "color"),
    [((12, 13), P3_IN_SRGB), ((9, 13), (241, 76, 29)), ((1, 8), (228, 168, 122)), ((1, 13), (200, 100, 50))],
    ids=["P3", "BT.2020", "linear", "sRGB"],
)
def test_cicp_of_a_png(numbers: tuple[int, int], color: tuple[int, int, int]) -> None:
    assert shown(made_from(png((200, 100, 50), cicp(*numbers)))) == pytest.approx(color, abs=5)


def coded(format: str, primaries: int, transfer: int) -> bytes:
    """A HEIC or AVIF whose coded data has these numbers, and which has no box for them."""
    data = encoded(solid((200, 100, 50), SIZE), format, quality=100, subsampling="4:4:4")
    at = data.index(b"colrnclx")
    was = struct.unpack_from(">HHH", data, at + 8)
    bits = "".join(f"{byte:08b}" for byte in data)
    pattern = "".join(f"{number:08b}" for number in was)
    start = bits.index(pattern, 8 * (data.index(b"mdat") if format == "AVIF" else data.index(b"hvcC")))
    bits = bits[:start] + f"{primaries:08b}{transfer:08b}" + bits[start + 16 :]
    changed = int(bits, 2).to_bytes(len(data), "big")
    return changed[:at] + b"free" + changed[at + 4 :]


@pytest.mark.parametrize("format", ["HEIF", "AVIF"])
def test_colours_that_only_the_coded_data_names(format: str) -> None:
    made = made_from(coded(format, 12, 13))
    assert shown(made) == pytest.approx(P3_IN_SRGB, abs=6)
    assert made.losses == ("gamut",)
    assert made_from(coded(format, 1, 13)).losses == ()


@pytest.mark.parametrize("format", ["HEIF", "AVIF"])
def test_coded_data_that_is_cut_or_turned_over_says_nothing_and_stops_nothing(format: str) -> None:
    data = coded(format, 12, 13)
    random = Random(7)
    for _ in range(300):
        damaged = bytearray(data)
        damaged[random.randrange(40, len(data))] ^= 1 << random.randrange(8)
        described(io.BytesIO(bytes(damaged[: random.randrange(40, len(data) + 1)])))


def test_cicp_of_a_png_comes_before_its_profile() -> None:
    data = encoded(solid((200, 100, 50)), "PNG", icc_profile=rgb_profile(DISPLAY_P3))
    chunk = png((0, 0, 0), cicp(1, 13))
    chunk = chunk[chunk.index(b"cICP") - 4 :][:16]
    assert shown(made_from(data[:33] + chunk + data[33:])) == pytest.approx((200, 100, 50), abs=4)


def gamma(value: float) -> tuple[bytes, bytes]:
    return b"gAMA", struct.pack(">I", round(value * 100_000))


def corners(*points: float) -> tuple[bytes, bytes]:
    return b"cHRM", struct.pack(">8I", *(round(value * 100_000) for value in points))


SRGB_CORNERS = corners(0.3127, 0.329, 0.64, 0.33, 0.3, 0.6, 0.15, 0.06)
P3_CORNERS = corners(0.3127, 0.329, 0.68, 0.32, 0.265, 0.69, 0.15, 0.06)


@pytest.mark.parametrize(
    ("chunks", "color", "losses"),
    [
        ((gamma(1.0),), (228, 168, 122), ()),
        ((gamma(1 / 1.8),), (210, 119, 65), ()),
        ((gamma(0.45455),), (200, 100, 50), ()),
        ((gamma(0.45455), SRGB_CORNERS), (200, 100, 50), ()),
        ((gamma(0.45455), P3_CORNERS), P3_IN_SRGB, ("gamut",)),
        ((P3_CORNERS,), P3_IN_SRGB, ("gamut",)),
        (((b"sRGB", b"\0"), gamma(1.0), P3_CORNERS), (200, 100, 50), ()),
        ((gamma(0),), (200, 100, 50), ()),
        ((gamma(20_000),), (200, 100, 50), ()),
        ((corners(0, 0, 0, 0, 0, 0, 0, 0),), (200, 100, 50), ()),
        ((corners(*[2**31 / 100_000] * 8),), (200, 100, 50), ()),
    ],
    ids=str,
)
def test_gamma_and_corners_of_a_png(
    chunks: tuple[tuple[bytes, bytes], ...], color: tuple[int, int, int], losses: tuple[str, ...]
) -> None:
    made = made_from(png((200, 100, 50), *chunks))
    assert shown(made) == pytest.approx(color, abs=5)
    assert made.losses == losses


def test_gamma_of_a_grey_png_and_of_one_with_a_palette() -> None:
    assert shown(made_from(png((55,), gamma(1.0), color_type=0))) == pytest.approx((128,) * 3, abs=3)
    palette = (b"PLTE", bytes((0, 0, 0, 55, 55, 55)))
    assert shown(made_from(png((1,), gamma(1.0), palette, color_type=3))) == pytest.approx((128,) * 3, abs=3)


SRGB_ENDS = ((0.4124, 0.2126, 0.0193), (0.3576, 0.7152, 0.1192), (0.1805, 0.0722, 0.9505))
P3_ENDS = ((0.4866, 0.2290, 0.0), (0.2657, 0.6917, 0.0451), (0.1982, 0.0793, 1.0439))
P3_POINTS = ((0.68, 0.32, 0.0), (0.265, 0.69, 0.045), (0.15, 0.06, 0.79))
Ends = tuple[tuple[float, ...], ...]


def bmp(
    kind: bytes, ends: Ends = ((0.0,) * 3,) * 3, gamma: float = 0, icc: bytes = b"", link: bytes = b""
) -> bytes:
    """A BMP with a header of version 5; `kind` is its bV5CSType, read backwards."""
    pixels = bytes((50, 100, 200)) * SIZE[0] * SIZE[1]
    data = icc + link
    header = struct.pack("<IiiHHIIiiII16x", 124, *SIZE, 1, 24, 0, len(pixels), 0, 0, 0, 0) + kind[::-1]
    header += struct.pack("<9i", *(round(value * 2**30) for end in ends for value in end))
    header += struct.pack("<3I", *[round(gamma * 65536)] * 3)
    header += struct.pack("<4I", 4, 124 + len(pixels) if data else 0, len(data), 0)
    return b"BM" + struct.pack("<IHHI", 138 + len(pixels) + len(data), 0, 0, 138) + header + pixels + data


@pytest.mark.parametrize(
    ("data", "color", "losses"),
    [
        (bmp(b"sRGB", P3_ENDS, 1.0), (200, 100, 50), ()),
        (bmp(b"Win ", P3_ENDS, 1.0), (200, 100, 50), ()),
        (bmp(b"\0\0\0\0"), (200, 100, 50), ()),
        (bmp(b"\0\0\0\0", SRGB_ENDS, 2.2), (200, 100, 50), ()),
        (bmp(b"\0\0\0\0", P3_ENDS, 2.2), P3_IN_SRGB, ("gamut",)),
        (bmp(b"\0\0\0\0", P3_POINTS, 2.2), P3_IN_SRGB, ("gamut",)),
        (bmp(b"\0\0\0\0", SRGB_ENDS, 1.0), (228, 168, 122), ()),
        (bmp(b"\0\0\0\0", SRGB_ENDS, 1.8), (210, 119, 65), ()),
        (bmp(b"MBED", icc=rgb_profile(DISPLAY_P3)), P3_IN_SRGB, ("gamut",)),
        (bmp(b"MBED", icc=b"no profile"), (200, 100, 50), ("profile",)),
        (bmp(b"LINK", link=b"C:\\colors.icc\0"), (200, 100, 50), ("profile",)),
    ],
    ids=[
        "sRGB",
        "Windows",
        "zeros",
        "like sRGB",
        "P3",
        "P3 in x y z",
        "linear",
        "1.8",
        "profile",
        "broken",
        "link",
    ],
)
def test_colours_of_a_bmp(data: bytes, color: tuple[int, ...], losses: tuple[str, ...]) -> None:
    made = made_from(data)
    assert shown(made) == pytest.approx(color, abs=6)
    assert made.losses == losses


def tiff(
    white: tuple[float, ...], primaries: tuple[float, ...], *exponents: float, mode: str = "RGB"
) -> bytes:
    tags = TiffImagePlugin.ImageFileDirectory_v2()
    for tag, values in ((318, white), (319, primaries)):
        tags.tagtype[tag] = TiffTags.RATIONAL
        if values:
            tags[tag] = values
    if exponents:
        tags.tagtype[301] = TiffTags.SHORT
        tags[301] = tuple(round(65535 * (step / 255) ** each) for each in exponents for step in range(256))
    return encoded(solid((200, 100, 50), SIZE).convert(mode), "TIFF", tiffinfo=tags)


D65, SRGB_PRIMARIES = (0.3127, 0.329), (0.64, 0.33, 0.3, 0.6, 0.15, 0.06)
P3_PRIMARIES = (0.68, 0.32, 0.265, 0.69, 0.15, 0.06)


@pytest.mark.parametrize(
    ("data", "color", "losses"),
    [
        (tiff(D65, SRGB_PRIMARIES), (200, 100, 50), ()),
        (tiff(D65, P3_PRIMARIES), P3_IN_SRGB, ("gamut",)),
        (tiff((), P3_PRIMARIES), P3_IN_SRGB, ("gamut",)),
        (tiff(D65, P3_PRIMARIES, 2.2, 2.2, 2.2), P3_IN_SRGB, ("gamut",)),
        (tiff(D65, SRGB_PRIMARIES, 1.0), (228, 168, 122), ()),
        (tiff((), (), 1.8, 1.8, 1.8), (210, 119, 65), ()),
        (tiff((), (), 1.0, 1.8, 2.2), (200, 100, 50), ("profile",)),
        (tiff((0.0, 0.0), (0.0,) * 6), (200, 100, 50), ()),
    ],
    ids=["sRGB", "P3", "P3 without white", "P3 and 2.2", "linear", "1.8", "three curves", "zeros"],
)
def test_colours_of_a_tiff(data: bytes, color: tuple[int, ...], losses: tuple[str, ...]) -> None:
    made = made_from(data)
    assert shown(made) == pytest.approx(color, abs=6)
    assert made.losses == losses


def test_the_curve_of_a_grey_tiff() -> None:
    grey = np.asarray(solid((200, 100, 50)).convert("L"))[0, 0]
    expected = 255 * (1.055 * (grey / 255) ** (1 / 2.4) - 0.055)
    assert shown(made_from(tiff((), (), 1.0, mode="L"))) == pytest.approx((expected,) * 3, abs=3)


def adobe_exif(space: int, index: str) -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = 1  # Pillow writes none into a PNG whose first directory is empty
    exif.get_ifd(0x8769)[0xA001] = space
    exif.get_ifd(0x8769)[0xA005] = {1: index}
    return exif


@pytest.mark.parametrize("format", ["JPEG", "WEBP", "PNG"])
def test_adobe_rgb_by_exif(format: str) -> None:
    made = made_from(encoded(solid((200, 100, 50)), format, exif=adobe_exif(0xFFFF, "R03")))
    assert shown(made) == pytest.approx(ADOBE_IN_SRGB, abs=6)
    assert made.losses == ("gamut",)


@pytest.mark.parametrize(("space", "index"), [(1, "R98"), (0xFFFF, "R98"), (1, "R03")])
def test_other_exif_is_srgb(space: int, index: str) -> None:
    made = made_from(encoded(solid((200, 100, 50)), "JPEG", exif=adobe_exif(space, index)))
    assert shown(made) == pytest.approx((200, 100, 50), abs=3)


def test_a_profile_comes_before_exif() -> None:
    exif, icc = adobe_exif(0xFFFF, "R03"), rgb_profile(DISPLAY_P3)
    made = made_from(encoded(solid((200, 100, 50)), "JPEG", exif=exif, icc_profile=icc))
    assert shown(made) == pytest.approx(P3_IN_SRGB, abs=6)


@pytest.mark.parametrize("primaries", [1, 4, 5, 6, 7, 8, 9, 10, 11, 12, 22])
def test_white_stays_white_in_every_space(primaries: int) -> None:
    made = made_from(png((255, 255, 255), cicp(primaries, 13)))
    assert min(shown(made)) >= 254
