"""Pictures for tests, drawn instead of kept.

The same seed gives the same bytes, another seed other bytes.
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
import pillow_heif
from PIL import Image, ImageDraw
from PIL.JpegImagePlugin import JpegImageFile

pillow_heif.register_heif_opener()

ORIENTATION_TAG = 0x0112


def photo(seed: int, width: int = 800, height: int = 1200, format: str = "JPEG", **save_kwargs: Any) -> bytes:
    """A file of `format` with the picture of `drawn_photo`."""
    return encoded(drawn_photo(seed, width, height), format, **save_kwargs)


def drawn_photo(seed: int, width: int = 800, height: int = 1200) -> Image.Image:
    """Soft light over a few shapes with a little sensor noise, in RGB."""
    rng = np.random.default_rng(seed)
    light = Image.fromarray(rng.integers(20, 236, (4, 3, 3), np.uint8), "RGB")
    image = light.resize((width, height), Image.Resampling.BICUBIC)
    draw = ImageDraw.Draw(image)
    for _ in range(12):
        left, top = rng.uniform(-0.1, 0.9, 2) * (width, height)
        across, down = rng.uniform(0.05, 0.4, 2) * (width, height)
        color = tuple(int(value) for value in rng.integers(0, 256, 3))
        shape = draw.ellipse if rng.random() < 0.6 else draw.rectangle
        shape((left, top, left + across, top + down), fill=color)
    noise = rng.integers(-4, 5, (height, width, 1), np.int8)
    return Image.fromarray(np.clip(np.asarray(image, np.int16) + noise, 0, 255).astype(np.uint8), "RGB")


def encoded(image: Image.Image, format: str = "JPEG", **save_kwargs: Any) -> bytes:
    """The picture as a file; lossy formats get a quality of 82 unless told otherwise."""
    if format in ("JPEG", "WEBP", "AVIF", "HEIF") and not save_kwargs.get("lossless"):
        save_kwargs.setdefault("quality", 82)
    out = io.BytesIO()
    image.save(out, format, **save_kwargs)
    return out.getvalue()


def decoded_jpeg(data: bytes) -> JpegImageFile:
    image = JpegImageFile(io.BytesIO(data))
    image.load()
    return image


def decoded(data: bytes) -> Image.Image:
    """The first picture of a file, loaded."""
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


def solid(
    color: str | int | tuple[int, ...], size: tuple[int, int] = (64, 48), mode: str = "RGB"
) -> Image.Image:
    return Image.new(mode, size, color)


def quarters(size: tuple[int, int] = (120, 80)) -> Image.Image:
    """Red, green, blue and yellow quarters, in reading order: which way is up can be told."""
    width, height = size
    image = Image.new("RGB", size, (220, 30, 30))
    image.paste((30, 200, 30), (width // 2, 0, width, height // 2))
    image.paste((30, 30, 220), (0, height // 2, width // 2, height))
    image.paste((230, 220, 30), (width // 2, height // 2, width, height))
    return image


def exif_with(orientation: int) -> bytes:
    exif = Image.Exif()
    exif[ORIENTATION_TAG] = orientation
    return exif.tobytes()


def areas(
    shares: list[tuple[tuple[int, int, int], float]], size: tuple[int, int] = (480, 360)
) -> Image.Image:
    """Upright stripes of (colour, share of the width); the shares add up to 1."""
    image = Image.new("RGB", size)
    left = 0.0
    for color, share in shares:
        image.paste(color, (round(left * size[0]), 0, size[0], size[1]))
        left += share
    return image


def psnr(first: Image.Image, second: Image.Image) -> float:
    """Peak signal-to-noise ratio of two images of one size in dB; 99 where they are equal."""
    difference = np.asarray(first.convert("RGB"), float) - np.asarray(second.convert("RGB"), float)
    mean_square = float((difference**2).mean())
    return 99.0 if mean_square == 0 else 10 * float(np.log10(255**2 / mean_square))


def png_file(
    size: tuple[int, int],
    rows: bytes,
    *,
    bit_depth: int = 8,
    color_type: int = 2,
    chunks: tuple[tuple[bytes, bytes], ...] = (),
    late_chunks: tuple[tuple[bytes, bytes], ...] = (),
) -> bytes:
    """A PNG from raw rows without filter bytes; `chunks` go before the pixels, `late_chunks` behind them."""
    width, height = size
    stride = len(rows) // height
    filtered = b"".join(b"\0" + rows[y * stride : (y + 1) * stride] for y in range(height))
    header = struct.pack(">IIBBBBB", width, height, bit_depth, color_type, 0, 0, 0)
    body = ((b"IHDR", header), *chunks, (b"IDAT", zlib.compress(filtered)), *late_chunks, (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_png_chunk(*chunk) for chunk in body)


def _png_chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def tiff_file(
    size: tuple[int, int], data: bytes, *, bits: tuple[int, ...], photometric: int, order: str = "<"
) -> bytes:
    """A TIFF of one uncompressed strip, in Intel ("<") or Motorola (">") byte order."""
    entries = [
        (256, (size[0],)),
        (257, (size[1],)),
        (258, bits),
        (259, (1,)),
        (262, (photometric,)),
        (273, (0,)),
        (277, (len(bits),)),
        (278, (size[1],)),
        (279, (len(data),)),
    ]
    bits_at = 8 + 2 + 12 * len(entries) + 4
    values = {258: bits_at if len(bits) > 2 else None, 273: bits_at + 2 * len(bits)}
    directory = struct.pack(order + "H", len(entries))
    for tag, value in entries:
        place = values.get(tag)
        long = tag in (273, 279)
        payload = struct.pack(order + "I", place) if place else _tiff_values(value, order, long=long)
        directory += struct.pack(order + "HHI", tag, 4 if long else 3, len(value)) + payload.ljust(4, b"\0")
    bit_table = struct.pack(f"{order}{len(bits)}H", *bits)
    return (
        (b"II*\0" if order == "<" else b"MM\0*")
        + struct.pack(order + "I", 8)
        + directory
        + bytes(4)
        + bit_table
        + data
    )


def _tiff_values(values: tuple[int, ...], order: str, *, long: bool) -> bytes:
    return struct.pack(f"{order}{len(values)}{'I' if long else 'H'}", *values)


def gif_bomb(frames: int, size: tuple[int, int] = (1000, 1000)) -> bytes:
    """A GIF that says it has `frames` frames, 12 bytes each."""
    frame = b"\x2c" + struct.pack("<HHHHB", 0, 0, *size, 0) + b"\x02\x01\x44\x00"
    header = b"GIF89a" + struct.pack("<HHBBB", *size, 0x80, 0, 0) + b"\0\0\0\xff\xff\xff"
    return header + frame * frames + b";"


def raw_tiff(
    numbers: np.ndarray,
    photometric: int = 1,
    *,
    order: str = "<",
    tags: dict[int, tuple[int, ...]] | None = None,
    packed: Callable[[bytes], bytes] = bytes,
    planar: bool = False,
) -> bytes:
    """A TIFF of any NumPy array of shape (height, width[, samples]), one strip (a plane)."""
    samples = numbers[..., None] if numbers.ndim == 2 else numbers
    height, width, depth = samples.shape
    kind = {"u": 1, "i": 2, "f": 3}[samples.dtype.kind]
    stored = samples.astype(samples.dtype.newbyteorder(order))
    planes = [stored[..., index] for index in range(depth)] if planar else [stored]
    strips = [packed(plane.tobytes()) for plane in planes]
    starts = [8 + sum(map(len, strips[:index])) for index in range(len(strips))]
    entries = {
        256: (width,),
        257: (height,),
        258: (8 * samples.dtype.itemsize,) * depth,
        259: (1,),
        262: (photometric,),
        273: tuple(starts),
        277: (depth,),
        278: (height,),
        279: tuple(map(len, strips)),
        284: (2 if planar else 1,),
        339: (kind,) * depth,
        **(tags or {}),
    }
    return _tiff_with(b"".join(strips), entries, order)


def _tiff_with(data: bytes, entries: dict[int, tuple[int, ...]], order: str) -> bytes:
    data += bytes(len(data) % 2)
    at = 8 + len(data)
    table, body = struct.pack(order + "H", len(entries)), b""
    body_at = at + 2 + 12 * len(entries) + 4
    for tag, values in sorted(entries.items()):
        packed = struct.pack(f"{order}{len(values)}I", *values)
        if len(packed) > 4:
            packed, body = struct.pack(order + "I", body_at + len(body)), body + packed
        table += struct.pack(order + "HHI", tag, 4, len(values)) + packed
    head = (b"II" if order == "<" else b"MM") + struct.pack(order + "HI", 42, at)
    return head + data + table + bytes(4) + body


def gif_of(
    size: tuple[int, int], patches: list[tuple[Image.Image, tuple[int, int], int]], duration: int = 100
) -> bytes:
    """A GIF played for ever, of (picture, place, disposal) each."""
    data = b"GIF89a" + struct.pack("<HHBBB", *size, 0, 0, 0) + b"\x21\xff\x0bNETSCAPE2.0\x03\x01\0\0\0"
    for patch, (left, top), disposal in patches:
        alone = encoded(patch.quantize(16), "GIF")
        table_length = 3 << ((alone[10] & 7) + 1)
        block = alone.index(b"\x2c", 13 + table_length)
        control = b"\x21\xf9\x04" + struct.pack("<BHB", disposal << 2, duration // 10, 0) + b"\0"
        place = struct.pack("<4HB", left, top, *patch.size, 0x80 | (alone[10] & 7))
        data += control + b"\x2c" + place + alone[13 : 13 + table_length] + alone[block + 10 : -1]
    return data + b";"


def disposing(how: int) -> bytes:
    """A GIF of a square that goes over a ground, disposed of in this way (1 to 3) after each frame."""
    ground = (solid((200, 0, 0), (80, 80)), (0, 0), 1)
    return gif_of((80, 80), [ground, *((solid((0, 180, 0), (20, 20)), (at, 20), how) for at in (0, 30, 60))])
