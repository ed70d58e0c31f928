"""The field `file` of a large body, read in pieces: from base64 in JSON or in a form into a temporary file.

Nothing of it is ever in memory as a whole. What stands around the field may have 64 KiB on either side.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from itertools import chain
from tempfile import TemporaryFile
from typing import IO, TYPE_CHECKING, Any

from django.http.multipartparser import MultiPartParserError
from django.utils.http import parse_header_parameters
from rest_framework.parsers import BaseParser

from processing.imaging.canvas.png_writer import SIGNATURE
from uploads.api.base64_parsers import ALPHABET, LINE_ENDS, PREFIX, opened_parts, unescaped
from uploads.api.json_body import JsonLimits, bounded
from uploads.intake.refusals import Refused

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

_PIECE = 256 * 1024
_AROUND = 64 * 1024
_JSON_FIELD = re.compile(rb'"file"\s*:\s*"')
_FORM_FIELD = re.compile(rb"(?:^|&)file=")
# RFC 8259, section 7: some writers escape the slash, others the plus sign; lines come as \n.
_JSON_ESCAPE = re.compile(rb"\\(?:u00([0-9A-Fa-f]{2})|([/nrt]))")
_SPELLED = {b"/": b"/", b"n": b"\n", b"r": b"\r", b"t": b"\t"}


class _LargeParser(BaseParser):
    """`{"file": <open file>}`, or nothing where there is no such field."""

    def parse(
        self, stream: Any, media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> dict[str, IO[bytes]]:
        pieces = self.field(stream, media_type or "")
        first = next(pieces, b"")
        if not first:
            return {}
        file: IO[bytes] = TemporaryFile()  # noqa: SIM115  (closed by who gets it)
        try:
            for decoded in _decoded(chain([first], pieces)):
                file.write(decoded)
        except (ValueError, binascii.Error) as error:
            file.close()
            raise Refused(400, "bad_base64", "`file` is not base64 (RFC 4648).", attr="file") from error
        except BaseException:
            file.close()
            raise
        file.seek(0)
        return {"file": file}

    def field(self, stream: Any, media_type: str) -> Iterator[bytes]:
        raise NotImplementedError


class LargeJsonParser(_LargeParser):
    media_type = "application/json"

    def field(self, stream: Any, media_type: str) -> Iterator[bytes]:
        head = stream.read(_AROUND)
        match = _JSON_FIELD.search(head)
        if match is None:
            raise Refused(400, "required", "A large body begins with the field `file`, as text.", attr="file")
        tail: list[bytes] = []
        yield from _whole(_until(b'"', head[match.end() :], stream, tail), b"\\", 6, _from_json)
        around = head[: match.end()] + b'"' + tail[0]
        try:
            json.loads(bounded(around, JsonLimits(size=2 * _AROUND + _PIECE, items=100)))
        except (ValueError, RecursionError) as error:
            raise Refused(400, "parse_error", "The body is not JSON (RFC 8259).") from error


class LargeFormParser(_LargeParser):
    media_type = "application/x-www-form-urlencoded"

    def field(self, stream: Any, media_type: str) -> Iterator[bytes]:
        head = stream.read(_AROUND)
        match = _FORM_FIELD.search(head)
        if match is not None:
            yield from _whole(_until(b"&", head[match.end() :], stream, []), b"%", 3, unescaped)


class LargeFieldsParser(_LargeParser):
    media_type = "multipart/form-data"

    def field(self, stream: Any, media_type: str) -> Iterator[bytes]:
        try:
            boundary = parse_header_parameters(media_type)[1].get("boundary", "")
            for name, content in opened_parts(stream, boundary.encode("ascii")):
                if name == "file":
                    yield from content
                    return
        except (MultiPartParserError, ValueError, LookupError) as error:
            raise Refused(400, "malformed_multipart", "The body is not multipart/form-data.") from error


def _until(end: bytes, begun: bytes, stream: Any, tail: list[bytes]) -> Iterator[bytes]:
    """The body up to the sign `end`; what follows it goes into `tail`. Raises Refused for a long tail."""
    piece = begun
    while end not in piece:
        yield piece
        piece = stream.read(_PIECE)
        if not piece:
            tail.append(b"")
            return
    value, _, rest = piece.partition(end)
    yield value
    more = stream.read(_AROUND + 1)
    if len(more) > _AROUND:
        raise Refused(413, "body_too_large", f"After `file` a body may have {_AROUND:,} bytes.")
    tail.append(rest + more)


def _whole(
    pieces: Iterator[bytes], escape: bytes, length: int, read: Callable[[bytes], bytes]
) -> Iterator[bytes]:
    """The pieces, read by `read`, with no escape of up to `length` bytes cut in two."""
    held = b""
    for piece in pieces:
        data = held + piece
        cut = data.rfind(escape, max(0, len(data) - length + 1))
        data, held = (data, b"") if cut < 0 else (data[:cut], data[cut:])
        if data:
            yield read(data)
    if held:
        yield read(held)


def _from_json(data: bytes) -> bytes:
    if b"\\" not in data:
        return data
    return _JSON_ESCAPE.sub(lambda m: bytes([int(m[1], 16)]) if m[1] else _SPELLED[m[2]], data)


def _decoded(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """The bytes behind the base64; a PNG as it is passes. Raises ValueError for what is neither."""
    start = b""
    for piece in pieces:
        start += piece
        if len(start) > 512:
            break
    if start.startswith(SIGNATURE):
        yield start
        yield from pieces
        return
    if found := PREFIX.match(start):
        start = start[found.end() :]
    yield from _from_base64(chain([start.lstrip()], pieces))


def _from_base64(pieces: Iterator[bytes]) -> Iterator[bytes]:
    rest, tail = b"", b""
    for piece in pieces:
        data = tail + piece
        kept = data.rstrip(b" =\r\n\t")
        # Padding and blanks belong to the end only, wherever that is.
        tail = data[len(kept) :]
        if len(tail) > _PIECE:
            raise ValueError("too much padding")
        text = rest + kept.translate(ALPHABET, LINE_ENDS)
        whole = len(text) // 4 * 4
        yield base64.b64decode(text[:whole], validate=True)
        rest = text[whole:]
    if rest:
        yield base64.b64decode(rest + b"=" * (-len(rest) % 4), validate=True)
