"""TIFFs of numbers that no screen shows: their ramps are straight, their colours right."""

from __future__ import annotations

import io
import zlib

import numpy as np
import pytest

from processing.imaging import ImageFailed, Made, make, probe
from tests.drawing import decoded, raw_tiff
from tests.processing.imaging.sizes import sizes

RAMP = np.tile(np.linspace(0, 1, 64), (48, 1))
RED, HALF = np.array((1.0, 0.0, 0.0)), np.array((0.8, 0.4, 0.2))


def made_from(data: bytes) -> Made:
    return make(io.BytesIO(data), sizes(24), max_pixels=10**7)


def row(made: Made) -> np.ndarray:
    return np.asarray(decoded(made.renditions[0].data).convert("L"))[24].astype(int)


def shown(data: bytes) -> tuple[int, ...]:
    image = decoded(made_from(data).renditions[0].data).convert("RGB")
    return tuple(np.asarray(image)[image.height // 2, image.width // 2].tolist())


def whole_range(kind: str) -> np.ndarray:
    """The ramp over all values of an integer type."""
    info = np.iinfo(kind)
    return (info.min + RAMP * (float(info.max) - float(info.min)) * (1 - 2**-53)).astype(kind)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("kind", ["u4", "i1", "i2", "i4", "u8", "i8", "f2", "f4", "f8"])
def test_a_ramp_is_straight(kind: str, order: str) -> None:
    numbers = RAMP.astype(kind) if kind[0] == "f" else whole_range(kind)
    made = made_from(raw_tiff(numbers, order=order))
    assert row(made) == pytest.approx(np.linspace(0, 255, 64), abs=4)
    assert made.losses == (() if kind == "i1" else ("depth",))


@pytest.mark.parametrize("kind", ["i2", "f4"])
def test_where_zero_is_white_the_ramp_falls(kind: str) -> None:
    numbers = RAMP.astype(kind) if kind[0] == "f" else whole_range(kind)
    assert row(made_from(raw_tiff(numbers, 0))) == pytest.approx(np.linspace(255, 0, 64), abs=4)


@pytest.mark.parametrize(
    ("numbers", "ends"),
    [
        (RAMP * 3000, (0, 255)),
        (RAMP - 0.5, (0, 255)),
        (RAMP / 2, (0, 128)),
        (np.full((48, 64), np.nan), (0, 0)),
    ],
    ids=["heights", "signed", "within 0 and 1", "no number"],
)
def test_floating_point_of_any_range(numbers: np.ndarray, ends: tuple[int, int]) -> None:
    shown_row = row(made_from(raw_tiff(numbers.astype("f4"))))
    assert (shown_row[0], shown_row[-1]) == pytest.approx(ends, abs=5)


@pytest.mark.parametrize("planar", [False, True])
@pytest.mark.parametrize("kind", ["f2", "f4", "f8", "u4", "i2"])
def test_colours_of_many_bits(kind: str, planar: bool) -> None:
    shares = np.tile(RAMP[..., None], (1, 1, 3))
    shares[10:40, 10:50] = HALF
    if kind[0] == "f":
        numbers = shares.astype(kind)
    else:
        info = np.iinfo(kind)
        numbers = (info.min + shares * (float(info.max) - info.min)).astype(kind)
    assert shown(raw_tiff(numbers, 2, planar=planar)) == pytest.approx((204, 102, 51), abs=4)


def test_alpha_of_floating_point_is_alpha() -> None:
    numbers = np.zeros((48, 64, 4), "f4")
    numbers[..., 0] = 1
    made = made_from(raw_tiff(numbers, 2, tags={338: (2,)}))
    assert made.losses == ("alpha", "depth")
    assert shown(raw_tiff(numbers, 2, tags={338: (2,)})) == pytest.approx((255, 255, 255), abs=3)


LAB_OF_RED = (53.2, 80.1, 67.2)


@pytest.mark.parametrize(
    ("kind", "photometric", "values"),
    [
        ("u2", 8, (53.2 * 655.35, 80.1 * 256, 67.2 * 256)),
        ("u2", 9, (53.2 * 652.8, (80.1 + 128) * 256, (67.2 + 128) * 256)),
        ("u1", 9, (53.2 * 2.55, 80.1 + 128, 67.2 + 128)),
        ("u1", 8, (53.2 * 2.55, 80.1, 67.2)),
        ("f4", 8, LAB_OF_RED),
    ],
    ids=["16 bits", "ICC, 16 bits", "ICC, 8 bits", "8 bits", "floating point"],
)
def test_lab_of_red_is_red(kind: str, photometric: int, values: tuple[float, ...]) -> None:
    numbers = np.tile(np.array(values), (48, 64, 1)).astype(kind)
    assert shown(raw_tiff(numbers, photometric)) == pytest.approx((255, 0, 0), abs=14)


@pytest.mark.parametrize("compression", [8, 32946])
@pytest.mark.parametrize("predictor", [1, 3])
def test_packed_floating_point(compression: int, predictor: int) -> None:
    numbers = np.linspace(0, 1, 64 * 48, dtype="f4").reshape(48, 64)
    data = numbers if predictor == 1 else float_differences(numbers)
    tags = {259: (compression,), 317: (predictor,), 258: (32,), 256: (64,), 339: (3,), 277: (1,)}
    file = raw_tiff(data, tags=tags, packed=zlib.compress)
    assert row(made_from(file)) == pytest.approx(np.full(64, 128), abs=6)


def float_differences(numbers: np.ndarray) -> np.ndarray:
    """Technical note 3: the bytes of a row by significance, then differences."""
    height, width = numbers.shape
    planes = numbers.astype(">f4").view("u1").reshape(height, width, 4).transpose(0, 2, 1).reshape(height, -1)
    differences = planes.copy()
    differences[:, 1:] -= planes[:, :-1]
    return differences.view("f4").reshape(height, width)


def test_differences_of_whole_numbers() -> None:
    numbers = whole_range("i4")
    differences = numbers.view("u4").copy()
    differences[:, 1:] -= numbers.view("u4")[:, :-1]
    tags = {317: (2,), 339: (2,), 259: (8,)}
    file = raw_tiff(differences, tags=tags, packed=zlib.compress)
    assert row(made_from(file)) == pytest.approx(np.linspace(0, 255, 64), abs=4)


def test_it_stands_upright() -> None:
    data = raw_tiff(RAMP.astype("f4"), tags={274: (6,)})
    assert (probe(io.BytesIO(data), max_pixels=10**6).width, row(made_from(data)).size) == (48, 48)


def test_its_numbers_count_in_the_budget() -> None:
    data = raw_tiff(np.zeros((100, 100, 4), "f8"), 2)
    with pytest.raises(ImageFailed, match="too_many_pixels"):
        probe(io.BytesIO(data), max_pixels=39_999)
    assert probe(io.BytesIO(data), max_pixels=40_000).width == 100


@pytest.mark.parametrize("length", [60, 4000])
def test_a_cut_file_is_refused(length: int) -> None:
    with pytest.raises(ImageFailed) as caught:
        made_from(raw_tiff(RAMP.astype("f4"))[:length])
    assert caught.value.code in ("truncated", "undecodable", "unsupported_format")


def test_a_kind_that_nobody_reads_is_named() -> None:
    with pytest.raises(ImageFailed, match=r"unsupported_format.*24 bits"):
        made_from(raw_tiff(np.zeros((8, 8), "u1"), tags={258: (24,)}))


@pytest.mark.parametrize(
    "tags",
    [{50706: (1,)}, {254: (1,), 330: (8,)}, {262: (32803,)}, {262: (34892,)}],
    ids=["DNG", "small picture before the raw one", "colour filter", "linear raw"],
)
def test_a_raw_photo_is_not_taken_for_its_thumbnail(tags: dict[int, tuple[int, ...]]) -> None:
    with pytest.raises(ImageFailed, match="unsupported_format"):
        probe(io.BytesIO(raw_tiff(np.zeros((8, 8, 3), "u1"), 2, tags=tags)), max_pixels=10**6)


def test_a_raw_photo_of_canon_is_refused() -> None:
    with pytest.raises(ImageFailed, match="unsupported_format"):
        probe(io.BytesIO(b"II*\0\x10\0\0\0CR\2\0" + bytes(99)), max_pixels=10**6)
