"""Files that nobody should send, with the answer each gets from the single upload.

An answer is a status and a code, or the content type of the picture that was made nevertheless.
"""

from __future__ import annotations

import io
import random
import struct
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageCms

from processing.imaging import FORMATS
from tests.drawing import drawn_photo, encoded, exif_with, gif_bomb, photo, png_file, solid, tiff_file

PLUGINS = [known.plugin for known in FORMATS]


@dataclass(frozen=True)
class Sent:
    """A file as it is sent, and which answers are right."""

    what: str
    data: bytes
    allowed: frozenset[tuple[int, str]]
    name: str = "photo.jpg"
    content_type: str = "image/jpeg"


def refused(status: int, *codes: str) -> frozenset[tuple[int, str]]:
    return frozenset((status, code) for code in codes)


TOO_MANY_PIXELS = refused(413, "too_many_pixels")
UNSUPPORTED = refused(415, "unsupported_format")
DAMAGED = refused(422, "undecodable", "truncated")


def made(content_type: str) -> frozenset[tuple[int, str]]:
    return frozenset([(200, content_type)])


def bombs() -> Iterator[Sent]:
    jpeg = photo(1, 64, 48)
    sides = struct.pack(">HH", 48, 64)
    assert jpeg.count(sides) == 1
    files = {
        "PNG of 65,535 x 65,535": png_file((65_535, 65_535), b""),
        "JPEG of 65,500 x 65,500": jpeg.replace(sides, struct.pack(">HH", 65_500, 65_500)),
        "WebP canvas of 16,384 x 16,384": webp(b"VP8X", bytes((0x10, 0, 0, 0)) + b"\xff\x3f\0" * 2),
        "WebP, lossless, of 16,384 x 16,384": webp(
            b"VP8L", b"\x2f" + struct.pack("<I", 0x0FFF_FFFF) + bytes(9)
        ),
        "GIF of 65,535 x 65,535": gif_bomb(1, (65_535, 65_535)),
        "GIF of 10,000 frames": gif_bomb(10_000),
        "GIF of 1,000,000 frames of 1 px": gif_bomb(1_000_000, (1, 1)),
        "PNG that claims 2^31 frames": png_file(
            (64, 48), bytes(64 * 48 * 3), chunks=((b"acTL", struct.pack(">II", 2**31 - 1, 0)),)
        ),
        "TIFF of 60,000 x 60,000": tiff_file((60_000, 60_000), b"\0", bits=(8,), photometric=1),
    }
    for what, data in files.items():
        yield Sent(what, data, TOO_MANY_PIXELS)
    # Within the pixel budget, thousands of times the size of its file: decoded, in its bounds of memory.
    white = zlib.compress(bytes((1 + 6000 * 3) * 6000), 9)
    yield Sent("PNG of 36 megapixels in 105 kB", png_bomb((6000, 6000), white), made("image/png"))
    yield Sent(
        "PNG whose pixels inflate to 1 GB instead of 9 kB",
        png_bomb((64, 48), zeros(2**30)),
        DAMAGED | made("image/png"),
    )


def png_bomb(size: tuple[int, int], pixels: bytes) -> bytes:
    whole = png_file(size, bytes(size[1]))
    start = whole.index(b"IDAT") - 4
    return (
        whole[:start]
        + struct.pack(">I", len(pixels))
        + b"IDAT"
        + pixels
        + struct.pack(">I", zlib.crc32(b"IDAT" + pixels))
        + whole[-12:]
    )


def zeros(count: int) -> bytes:
    """`count` zero bytes, deflated, a megabyte at a time."""
    deflate = zlib.compressobj(9)
    return b"".join(deflate.compress(bytes(2**20)) for _ in range(count >> 20)) + deflate.flush()


def webp(kind: bytes, payload: bytes) -> bytes:
    body = b"WEBP" + kind + struct.pack("<I", len(payload)) + payload
    return b"RIFF" + struct.pack("<I", len(body)) + body


def app1(payload: bytes) -> bytes:
    return b"\xff\xe1" + struct.pack(">H", len(payload) + 2) + payload


def metadata_bombs() -> Iterator[Sent]:
    def jpeg_with(segments: bytes) -> bytes:
        whole = photo(1, 64, 48)
        return whole[:20] + segments + whole[20:]

    bomb = b"name\0\0" + zeros(50 << 20)
    rows = bytes(192)
    for kind in ("zTXt", "iCCP"):
        data = png_file((8, 8), rows, chunks=((kind.encode(), bomb),))
        yield Sent(f"PNG with 50 MB in {kind}", data, DAMAGED | made("image/png"))
    yield Sent(
        "PNG with 50 MB in iTXt",
        png_file((8, 8), rows, chunks=((b"iTXt", b"name\0\1\0\0\0" + zeros(50 << 20)),)),
        DAMAGED | made("image/png"),
    )
    yield Sent("JPEG with 60 MB of Exif in APP1", jpeg_with(app1(b"Exif\0\0" + bytes(65_000)) * 923), DAMAGED)
    yield Sent(
        "JPEG with 20 MB of ICC profile", jpeg_with(icc_segments(255) * 2), DAMAGED | made("image/jpeg")
    )
    yield Sent("JPEG with 3 MB of fill bytes", jpeg_with(b"\xff" * 3_000_000), DAMAGED)
    yield Sent("JPEG with a million restart marks", jpeg_with(b"\xff\xd0" * 1_000_000), DAMAGED)


def icc_segments(count: int) -> bytes:
    return b"".join(
        b"\xff\xe2" + struct.pack(">H", 40_016) + b"ICC_PROFILE\0" + bytes((n + 1, count)) + bytes(40_000)
        for n in range(count)
    )


def other_formats() -> Iterator[Sent]:
    doctype = "<!DOCTYPE x [<!ENTITY y SYSTEM 'file:///etc/passwd'>]>"
    files = {
        "text": b"hello world " * 100,
        "SVG": b"<svg xmlns='http://www.w3.org/2000/svg'><image href='file:///etc/passwd'/></svg>",
        "SVG with an external entity": f"<?xml version='1.0'?>{doctype}<svg>&y;</svg>".encode(),
        "HTML": b"<!doctype html><script>alert(1)</script>",
        "PDF": b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj<<>>endobj",
        "EPS for Ghostscript": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n(%pipe%id) (w) file\n",
        "PSD": b"8BPS\0\1" + bytes(60),
        "FLI": struct.pack("<IHHHHHHI", 128, 0xAF12, 1, 10, 10, 8, 3, 5) + bytes(108),
        "ZIP": b"PK\3\4" + bytes(60),
        "ICNS": encoded(solid("red", (32, 32)), "ICNS"),
        "ICO": encoded(solid("red", (32, 32)), "ICO"),
        "JPEG 2000": encoded(solid("red"), "JPEG2000"),
        "PPM": encoded(solid("red"), "PPM"),
        "TGA": encoded(solid("red"), "TGA"),
        "MVG for ImageMagick": b"push graphic-context\nviewbox 0 0 640 480\nfill 'url(https://x/|id)'\n",
        "ELF": b"\x7fELF" + bytes(99),
        "one byte": b"x",
    }
    for what, data in files.items():
        yield Sent(f"{what}, named .jpg", data, UNSUPPORTED)
    yield Sent("nothing", b"", refused(400, "empty_file"))


def disguises() -> Iterator[Sent]:
    """The right bytes under a wrong name or type, and two things in one file."""
    png, gif = photo(11, 60, 40, "PNG"), photo(12, 60, 40, "GIF")
    yield Sent("PNG named .jpg", png, made("image/png"))
    yield Sent("PNG named .php as text/html", png, made("image/png"), "shell.php", "text/html")
    yield Sent(
        "JPEG named .svg as image/svg+xml", photo(13, 60, 40), made("image/jpeg"), "x.svg", "image/svg+xml"
    )
    yield Sent("JPEG without a type, without an ending", photo(14, 60, 40), made("image/jpeg"), "photo", "")
    yield Sent("JPEG + HTML", photo(15, 60, 40) + b"<script>alert(1)</script>", made("image/jpeg"), "x.html")
    script = gif[:6] + b"/*" + gif[8:] + b"*/=1;alert(1)"
    yield Sent("GIF + JavaScript", script, made("image/gif") | TOO_MANY_PIXELS | DAMAGED, "x.js")
    yield Sent("JPEG + ZIP", photo(16, 60, 40) + a_zip(), made("image/jpeg"), "x.zip")
    comment = photo(17, 60, 40)
    html = b"<html><script>alert(1)</script>"
    comment = comment[:20] + b"\xff\xfe" + struct.pack(">H", len(html) + 2) + html + comment[20:]
    yield Sent("JPEG with HTML as its comment", comment, made("image/jpeg"))


def a_zip() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("../../evil.php", "<?php phpinfo();")
    return out.getvalue()


def odd_pictures() -> Iterator[Sent]:
    """Unusual, and pictures all the same."""
    noise = np.random.default_rng(5).integers(0, 65_536, (40, 60), np.uint16)
    palette = drawn_photo(21, 60, 40).quantize(16)
    files = {
        "JPEG in CMYK": ("image/jpeg", encoded(drawn_photo(22, 60, 40).convert("CMYK"))),
        "PNG of 16 bits": ("image/png", encoded(Image.fromarray(noise), "PNG")),
        "PNG with palette and transparency": ("image/png", encoded(palette, "PNG", transparency=3)),
        "PNG of 1 bit": ("image/png", encoded(drawn_photo(23, 60, 40).convert("1"), "PNG")),
        "PNG, grey with alpha": ("image/png", encoded(drawn_photo(24, 60, 40).convert("LA"), "PNG")),
        "TIFF in Lab": ("image/tiff", encoded(lab(25), "TIFF")),
        "TIFF of floats": ("image/tiff", encoded(Image.fromarray(noise.astype(np.float32)), "TIFF")),
        "JPEG with a broken ICC profile": ("image/jpeg", photo(26, 60, 40, icc_profile=b"\0" * 900)),
        "JPEG with a profile for CMYK": ("image/jpeg", photo(27, 60, 40, icc_profile=wrong_profile())),
        "JPEG with broken Exif": ("image/jpeg", photo(28, 60, 40, exif=b"Exif\0\0MM\0*\xff\xff\xff\xff")),
        "JPEG upside down": ("image/jpeg", photo(29, 60, 40, exif=exif_with(3))),
        "JPEG turned by 77": ("image/jpeg", photo(30, 60, 40, exif=exif_with(77))),
        "one pixel": ("image/png", encoded(solid("red", (1, 1)), "PNG")),
        "a line of 30,000 pixels": ("image/png", encoded(solid("red", (30_000, 1)), "PNG")),
    }
    for what, (content_type, data) in files.items():
        yield Sent(what, data, made(content_type))


def lab(seed: int) -> Image.Image:
    to_lab = ImageCms.buildTransform(
        ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), "RGB", "LAB"
    )
    return ImageCms.applyTransform(drawn_photo(seed, 60, 40), to_lab)


def wrong_profile() -> bytes:
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    profile[16:20] = b"CMYK"
    return bytes(profile)


def truncations(plugin: str) -> list[Sent]:
    """One picture, cut after every 5 % of its bytes."""
    whole = photo(31, 240, 160, plugin)
    known = next(known for known in FORMATS if known.plugin == plugin)
    allowed = DAMAGED | UNSUPPORTED | made(known.content_type) | refused(400, "empty_file")
    return [
        Sent(f"{plugin} cut after {share} %", whole[: len(whole) * share // 100], allowed)
        for share in range(0, 100, 5)
    ]


def bit_flips(plugin: str, count: int) -> list[Sent]:
    """One picture with one to eight bits turned over; in its header as often as behind it."""
    whole = photo(32, 120, 80, plugin)
    rng = random.Random(plugin)
    types = {(200, known.content_type) for known in FORMATS}
    allowed = DAMAGED | UNSUPPORTED | TOO_MANY_PIXELS | types
    flipped = []
    for number in range(count):
        data = bytearray(whole)
        for _ in range(rng.randint(1, 8)):
            data[rng.randrange(64 if rng.random() < 0.5 else len(data))] ^= 1 << rng.randrange(8)
        flipped.append(Sent(f"{plugin} with bits turned, {number}", bytes(data), allowed))
    return flipped
