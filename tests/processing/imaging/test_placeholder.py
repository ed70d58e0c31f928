from __future__ import annotations

from base64 import b64decode
from collections.abc import Iterator

import numpy as np
import pytest
import thumbhash as peer
from PIL import Image

from processing.imaging import thumbhash
from processing.imaging.placeholder import thumbhash_of_pixels
from tests.drawing import drawn_photo, quarters, solid

SIZES = [(64, 96), (96, 64), (96, 96), (100, 7), (5, 100), (1, 1), (33, 32)]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_it_agrees_with_the_peer_package(size: tuple[int, int], seed: int) -> None:
    image = drawn_photo(seed, *size)
    ours = b64decode(thumbhash(image))
    theirs = peer.rgba_to_thumb_hash(*size, list(image.convert("RGBA").tobytes()))
    assert len(ours) == len(theirs)
    assert nibble_distance(ours, bytes(theirs)) <= 1


@pytest.mark.parametrize("size", [(96, 64), (64, 96), (96, 96)])
def test_it_decodes_to_a_blurred_copy(size: tuple[int, int]) -> None:
    image = quarters(size)
    shown = decoded_hash(b64decode(thumbhash(image)), size)
    blurred = np.asarray(
        image.resize((3, 3), Image.Resampling.BOX).resize(size, Image.Resampling.BICUBIC), float
    )
    assert np.abs(shown - blurred).mean() < 30
    assert shown[8, 8].argmax() == 0  # red, above left
    assert shown[8, -8].argmax() == 1  # green, above right
    assert shown[-8, 8].argmax() == 2  # blue, below left


@pytest.mark.parametrize("color", ["white", "black", "red", "#808080"])
def test_a_plain_picture_gives_its_colour(color: str) -> None:
    rgba = peer.thumb_hash_to_average_rgba(list(b64decode(thumbhash(solid(color)))))
    expected = solid(color).getpixel((0, 0))
    assert [255 * value for value in rgba[:3]] == pytest.approx(expected, abs=9)


def test_a_large_or_grey_picture_is_taken_as_well() -> None:
    assert len(b64decode(thumbhash(drawn_photo(1, 400, 300).convert("L")))) > 20


def test_it_takes_pixels_of_any_integer_type() -> None:
    pixels = np.asarray(drawn_photo(1, 40, 30))
    assert thumbhash_of_pixels(pixels) == thumbhash_of_pixels(pixels.astype(np.int64))


def nibble_distance(first: bytes, second: bytes) -> int:
    """The largest difference of two quantised terms; the header is compared bit for bit but for rounding."""
    nibbles = [(byte & 15, byte >> 4) for byte in first[5:]], [(byte & 15, byte >> 4) for byte in second[5:]]
    return max(abs(a - b) for x, y in zip(*nibbles, strict=True) for a, b in zip(x, y, strict=True))


def decoded_hash(data: bytes, size: tuple[int, int]) -> np.ndarray:
    """The pixels of an opaque ThumbHash, by the decoder in its description, shape (height, width, 3)."""
    first, second = int.from_bytes(data[:3], "little"), int.from_bytes(data[3:5], "little")
    terms = (7, max(3, second & 7)) if second >> 15 else (max(3, second & 7), 7)
    nibbles = iter([nibble for byte in data[5:] for nibble in (byte & 15, byte >> 4)])
    channels = [
        wave(nibbles, size, terms, (first & 63) / 63, (first >> 18 & 31) / 31),
        wave(nibbles, size, (3, 3), (first >> 6 & 63) / 31.5 - 1, (second >> 3 & 63) / 63),
        wave(nibbles, size, (3, 3), (first >> 12 & 63) / 31.5 - 1, (second >> 9 & 63) / 63),
    ]
    luminance, yellow, red_green = channels
    blue = luminance - 2 / 3 * yellow
    red = (3 * luminance - blue + red_green) / 2
    return np.clip(np.stack((red, red - red_green, blue), axis=2), 0, 1) * 255


def wave(
    nibbles: Iterator[int], size: tuple[int, int], terms: tuple[int, int], mean: float, scale: float
) -> np.ndarray:
    x, y = ((np.arange(length) + 0.5) * np.pi / length for length in size)
    total = np.full((size[1], size[0]), mean)
    for row in range(terms[1]):
        for column in range(0 if row else 1, terms[0]):
            if column * terms[1] < terms[0] * (terms[1] - row):
                term = (next(nibbles) / 7.5 - 1) * scale
                total += 2 * term * np.outer(np.cos(row * y), np.cos(column * x))
    return total
