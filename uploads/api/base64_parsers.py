"""A picture in a text field: base64 in JSON or in a form."""

from __future__ import annotations

import base64
import binascii
import json
import re
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import unquote_to_bytes

from django.http.multipartparser import RAW, ChunkIter, LazyStream, MultiPartParserError
from django.http.multipartparser import Parser as Parts
from django.utils.http import parse_header_parameters
from rest_framework.parsers import BaseParser

from uploads.api.json_body import JsonLimits, bounded
from uploads.intake.refusals import Refused

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

PREFIX = re.compile(rb"\s*data:[^,]{0,200};base64,", re.IGNORECASE)
# A form that did not escape its plus signs sends spaces; RFC 4648, section 5, has another alphabet for URLs.
ALPHABET = bytes.maketrans(b" -_", b"++/")
LINE_ENDS = b"\r\n\t"
_MOST_FIELDS = 100
_LIMITS = JsonLimits(size=100 * 1024 * 1024, items=_MOST_FIELDS)


def decoded(text: str | bytes, attr: str) -> bytes:
    """The bytes behind base64, also in a data URL, in lines, or without its padding. Raises Refused."""
    try:
        raw = text.encode("ascii") if isinstance(text, str) else text
        raw = raw[found.end() :] if (found := PREFIX.match(raw)) else raw
        raw = raw.strip().translate(ALPHABET, LINE_ENDS).rstrip(b"=")
        return base64.b64decode(raw + b"=" * (-len(raw) % 4), validate=True)
    except (ValueError, binascii.Error) as error:
        detail = f"`{attr}` is not base64 (RFC 4648)."
        raise Refused(400, "bad_base64", detail, attr=attr) from error


# Django and DRF hold text in any of the three forms to DATA_UPLOAD_MAX_MEMORY_SIZE, whatever a view allows.
# These take a body of any length: the view bounds it before.


class LongJsonParser(BaseParser):
    """`application/json`, in UTF-8."""

    media_type = "application/json"

    def parse(
        self, stream: Any, media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        try:
            return json.loads(bounded(stream.read(), _LIMITS))
        except (ValueError, RecursionError) as error:
            raise Refused(400, "parse_error", "The body is not JSON (RFC 8259).") from error


class LongFieldsParser(BaseParser):
    """`multipart/form-data`; a field is bytes, whether it came as text or as a file."""

    media_type = "multipart/form-data"

    def parse(
        self, stream: Any, media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> dict[str, bytes]:
        try:
            boundary = parse_header_parameters(media_type or "")[1].get("boundary", "")
            return dict(_parts(stream, boundary.encode("ascii")))
        except (MultiPartParserError, ValueError, LookupError) as error:
            raise Refused(400, "malformed_multipart", "The body is not multipart/form-data.") from error


def _parts(stream: Any, boundary: bytes) -> Iterator[tuple[str, bytes]]:
    for name, content in opened_parts(stream, boundary):
        yield name, b"".join(content)


def opened_parts(stream: Any, boundary: bytes) -> Iterator[tuple[str, Iterable[bytes]]]:
    """Each part's name with its content, in pieces. Raises MultiPartParserError, ValueError, Refused."""
    if not boundary:
        raise MultiPartParserError
    parts = Parts(LazyStream(ChunkIter(stream)), boundary)
    for number, (kind, headers, content) in enumerate(parts):
        if number == _MOST_FIELDS:
            raise Refused(413, "too_many_fields", f"This form may have {_MOST_FIELDS} fields; it has more.")
        if kind != RAW:  # the closing boundary, or a part that names no field
            _value, parameters = headers["content-disposition"]
            yield cast("bytes", parameters.get("name", b"")).decode(), content


class LongFormParser(BaseParser):
    """`application/x-www-form-urlencoded` with long fields, as bytes; its plus signs stay what they are.

    The standard library unescapes in Python, two seconds for a large canvas; of base64 only three characters
    are ever escaped.
    """

    media_type = "application/x-www-form-urlencoded"

    def parse(
        self, stream: Any, media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> dict[str, bytes]:
        fields = stream.read().split(b"&", _MOST_FIELDS)
        if len(fields) > _MOST_FIELDS:
            raise Refused(413, "too_many_fields", f"This form may have {_MOST_FIELDS} fields; it has more.")
        pairs = (field.partition(b"=") for field in fields)
        return {unquote_to_bytes(name).decode("utf-8", "replace"): unescaped(v) for name, _, v in pairs}


def unescaped(value: bytes) -> bytes:
    for escape, character in ((b"%2B", b"+"), (b"%2F", b"/"), (b"%3D", b"=")):
        value = value.replace(escape, character).replace(escape.lower(), character)
    return unquote_to_bytes(value)
