"""The picture formats that are taken."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import BinaryIO

import pillow_heif
from PIL import Image

from processing.imaging.errors import ImageFailed
from processing.imaging.reading.samples import SAMPLES

pillow_heif.register_heif_opener()

# Pillow's own limit knows neither frames nor plans; every picture meets our budget in `probe` first.
Image.MAX_IMAGE_PIXELS = None


@dataclass(frozen=True, slots=True)
class Format:
    """`plugin` is Pillow's name for the decoder, `extension` has its dot."""

    plugin: str
    content_type: str
    extension: str


# AVIF before HEIC: both claim the brand "mif1", only the AVIF decoder notices that a file is not its own.
FORMATS = (
    Format("JPEG", "image/jpeg", ".jpg"),
    Format("PNG", "image/png", ".png"),
    Format("WEBP", "image/webp", ".webp"),
    Format("GIF", "image/gif", ".gif"),
    Format("AVIF", "image/avif", ".avif"),
    Format("HEIF", "image/heic", ".heic"),
    Format("BMP", "image/bmp", ".bmp"),
    Format("TIFF", "image/tiff", ".tiff"),
)
_PLUGINS = [known.plugin for known in FORMATS]
_BY_PLUGIN = {known.plugin: known for known in FORMATS}

# Cameras put several JPEGs into one file (burst, depth, gain map): the first is a JPEG like any other.
_BY_PLUGIN["MPO"] = _BY_PLUGIN["JPEG"]

HEAD_BYTES = 64
UNSUPPORTED = "This is not a picture we can read; allowed are JPEG, PNG, WebP, GIF, AVIF, HEIC, BMP and TIFF."


def open_image(file: BinaryIO) -> Image.Image:
    """The picture with its header read, not a pixel decoded; what is wrong comes as Pillow's own error."""
    file.seek(0)
    return Image.open(file, formats=_PLUGINS)


def format_of(image: Image.Image) -> Format:
    return _BY_PLUGIN[image.format or ""]


def claimed_format(head: bytes) -> str | None:
    """The first plugin that takes a file beginning with `head` for its own; None when nobody does."""
    Image.preinit()
    Image.init()
    for plugin in _PLUGINS:
        _factory, accepts = Image.OPEN[plugin]
        if accepts is None or accepts(head) is True:
            return plugin
    return None


def read_head(file: BinaryIO) -> bytes:
    """The first bytes; refuses what is empty, and what no allowed format begins with."""
    file.seek(0)
    head = file.read(HEAD_BYTES)
    if not head:
        raise ImageFailed("empty_file", "The file is empty.")
    if claimed_format(head) is None:
        raise ImageFailed("unsupported_format", UNSUPPORTED)
    return head


def prove_codecs() -> None:
    """Decode a tiny file of each format; raises RuntimeError with the name of the codec that is missing."""
    for known in FORMATS:
        try:
            with open_image(io.BytesIO(SAMPLES[known.plugin])) as image:
                image.load()
        except Exception as error:
            raise RuntimeError(f"The {known.plugin} codec is missing: {error}") from error
