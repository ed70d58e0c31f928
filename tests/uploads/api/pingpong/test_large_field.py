"""The picture of a large body, however it is wrapped, cut at whatever place."""

from __future__ import annotations

import base64
import io
import random
import textwrap
from typing import Any
from urllib.parse import quote

import pytest

from uploads.api.pingpong import large_field
from uploads.api.pingpong.large_field import LargeFieldsParser, LargeFormParser, LargeJsonParser
from uploads.intake.refusals import Refused

DATA = random.Random(7).randbytes(20_000)
TEXT = base64.b64encode(DATA).decode()
LINES = "\n".join(textwrap.wrap(TEXT, 76))


def json_body(text: str) -> bytes:
    return ('{"progression": 12.5, "file" : "' + text + '", "more": ["x", 1]}').encode()


def multipart(content: bytes) -> bytes:
    head = b'--b\r\nContent-Disposition: form-data; name="other"\r\n\r\n1\r\n'
    file = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.png"\r\n\r\n'
    return head + file + content + b"\r\n--b--\r\n"


BODIES: list[tuple[Any, str, bytes]] = [
    (LargeJsonParser, "", json_body(TEXT)),
    (LargeJsonParser, "", json_body(f"data:image/png;base64,{TEXT}")),
    (LargeJsonParser, "", json_body(TEXT.replace("/", "\\/"))),
    (LargeJsonParser, "", json_body(TEXT.replace("+", "\\u002B"))),
    (LargeJsonParser, "", json_body(LINES.replace("\n", "\\r\\n") + "\\n")),
    (LargeJsonParser, "", json_body(TEXT.rstrip("="))),
    (LargeFormParser, "", f"a=1&file={quote(TEXT, safe='')}&b=2".encode()),
    (LargeFormParser, "", f"file={TEXT}".encode()),
    (LargeFormParser, "", f"file={TEXT.replace('+', ' ')}".encode()),
    (LargeFieldsParser, 'multipart/form-data; boundary="b"', multipart(TEXT.encode())),
    (LargeFieldsParser, "multipart/form-data; boundary=b", multipart(LINES.encode() + b"\n")),
]


@pytest.mark.parametrize("piece", [7, 100, 5000, 256 * 1024])
@pytest.mark.parametrize("number", range(len(BODIES)))
def test_it_is_found_in_every_wrapping(monkeypatch: pytest.MonkeyPatch, number: int, piece: int) -> None:
    monkeypatch.setattr(large_field, "_PIECE", max(piece, 300))
    monkeypatch.setattr(large_field, "_AROUND", 300)
    parser, media_type, body = BODIES[number]
    found = parser().parse(io.BytesIO(body), media_type)["file"]
    with found:
        assert found.read() == DATA


def test_a_png_in_a_file_part_passes_as_it_is() -> None:
    png = b"\x89PNG\r\n\x1a\n" + DATA
    found = LargeFieldsParser().parse(io.BytesIO(multipart(png)), "multipart/form-data; boundary=b")["file"]
    with found:
        assert found.read() == png


@pytest.mark.parametrize(
    ("parser", "body", "code"),
    [
        (LargeJsonParser, b"{}," * 100_000, "required"),
        (LargeJsonParser, json_body("!" * 200_000), "bad_base64"),
        (LargeJsonParser, json_body("=" * 2_000_000), "bad_base64"),
        (LargeJsonParser, json_body("A" * 200_000)[:-9], "parse_error"),
        (LargeJsonParser, b'{"file":"' + b"A" * 200_000, "parse_error"),
        (LargeJsonParser, json_body("A" * 200_000) + b"{}," * 50_000, "too_many_items"),
        (LargeJsonParser, json_body("A" * 200_000) + b"{},", "parse_error"),
        (LargeJsonParser, b'{"file":"AAAA", "x":[' + b"{}," * 15_000 + b"1]}", "too_many_items"),
        (LargeJsonParser, json_body("A" * 200_000) + b" " * 2_000_000, "body_too_large"),
        (LargeFormParser, b"file=" + b"%ff" * 50_000, "bad_base64"),
    ],
)
def test_what_is_not_such_a_body_is_refused(parser: Any, body: bytes, code: str) -> None:
    with pytest.raises(Refused) as refused:
        parser().parse(io.BytesIO(body), "")
    assert refused.value.code == code


def test_a_form_without_the_field_has_none() -> None:
    assert LargeFormParser().parse(io.BytesIO(b"other=1&" * 5000), "") == {}
