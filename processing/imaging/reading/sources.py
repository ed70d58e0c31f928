"""What is done to a file before its decoder sees it, by format: bombs refused, gaps filled, more read."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, BinaryIO

from processing.imaging.errors import ImageFailed
from processing.imaging.reading import isobmff
from processing.imaging.reading.bmp_header import colors_of
from processing.imaging.reading.jpeg_ending import ended, has_no_end
from processing.imaging.reading.jpeg_header import refuse_metadata_bomb
from processing.imaging.reading.png_header import read_png, without
from processing.imaging.reading.tiff import header as tiff_header
from processing.imaging.reading.tiff.colors import colors_of as colors_of_tiff
from processing.imaging.reading.tiff.header import TiffHeader


@dataclass(slots=True)
class Source:
    """`file` is for the decoder; `info` is what it does not tell; `frames` are those of a HEIC sequence."""

    file: BinaryIO
    info: dict[str, Any] = field(default_factory=dict)
    tiff: TiffHeader | None = None
    frames: int = 1


def prepared(file: BinaryIO, head: bytes) -> Source:
    """Raises ImageFailed for a metadata bomb, and for the raw data of a camera."""
    if head[:2] == b"\xff\xd8":
        return _jpeg(file)
    if head[:4] == b"\x89PNG":
        header = read_png(file)
        return Source(without(file, header.left_out), {"exif": header.exif, "cicp": header.cicp})
    if tiff_header.is_tiff(head):
        return _tiff(file, head)
    if head[4:8] == b"ftyp":
        said = isobmff.described(file)
        return Source(file, {"cicp": said.cicp, "coded_bits": said.bits}, frames=max(1, said.samples))
    return Source(file, colors_of(file) if head[:2] == b"BM" else {})


def _jpeg(file: BinaryIO) -> Source:
    scan_at = refuse_metadata_bomb(file)
    if has_no_end(file, scan_at):
        return Source(ended(file), {"unended": True})
    return Source(file)


def _tiff(file: BinaryIO, head: bytes) -> Source:
    header = tiff_header.read_tiff(file)
    if tiff_header.is_canon_raw(head) or (header and header.is_raw_photo):
        raise ImageFailed(
            "unsupported_format", "This is a camera's raw file; export it as JPEG, TIFF or HEIC."
        )
    return Source(file, colors_of_tiff(header) if header else {}, tiff=header)
