"""Base64 as it comes from browsers, shells and forms."""

from __future__ import annotations

import base64
import io
import json
from typing import Any
from urllib.parse import urlencode

import pytest

from uploads.api.base64_parsers import LongFieldsParser, LongFormParser, LongJsonParser, decoded
from uploads.intake.refusals import Refused

DATA = bytes(range(256)) * 3 + b"\xfb\xff"
TEXT = base64.b64encode(DATA).decode()
assert "+" in TEXT
assert "/" in TEXT


@pytest.mark.parametrize(
    "text",
    [
        TEXT,
        TEXT.encode(),
        f"data:image/png;base64,{TEXT}",
        f" DATA:image/png;BASE64,{TEXT} ",
        TEXT.rstrip("="),
        base64.encodebytes(DATA).decode(),
        base64.encodebytes(DATA).decode().replace("\n", "\r\n"),
        base64.urlsafe_b64encode(DATA).decode(),
        TEXT.replace("+", " "),
    ],
    ids=["plain", "bytes", "data", "loud", "unpadded", "lines", "crlf", "urlsafe", "unescaped"],
)
def test_it_reads_base64_in_all_its_dresses(text: str | bytes) -> None:
    assert decoded(text, "file") == DATA


@pytest.mark.parametrize(
    "text", ["x", "äöü", "aGVsbG8!", "a=GVsbG8", "{}", "\ud800", "data:image/png,abc", "aGV\x00"]
)
def test_it_refuses_what_is_not_base64(text: str) -> None:
    with pytest.raises(Refused) as caught:
        decoded(text, "file")
    assert (caught.value.status_code, caught.value.code) == (400, "bad_base64")


def multipart(*parts: tuple[str, bytes]) -> bytes:
    made = [
        b"--x\r\nContent-Disposition: form-data; " + name.encode() + b"\r\n\r\n" + value
        for name, value in parts
    ]
    return b"\r\n".join([*made, b"--x--\r\n"])


def test_a_multipart_field_may_be_longer_than_django_lets_it() -> None:
    value = b"A" * 9_000_000
    body = multipart(('name="other"', b"1"), ('name="file"', value))
    assert LongFieldsParser().parse(io.BytesIO(body), "multipart/form-data; boundary=x") == {
        "other": b"1",
        "file": value,
    }


def test_a_multipart_file_is_a_field_like_others() -> None:
    body = multipart(('name="file"; filename="a.png"', DATA))
    assert LongFieldsParser().parse(io.BytesIO(body), 'multipart/form-data; boundary="x"') == {"file": DATA}


@pytest.mark.parametrize("media_type", ["multipart/form-data", "multipart/form-data; boundary=\u00e4", ""])
def test_a_multipart_without_a_boundary_is_refused(media_type: str) -> None:
    with pytest.raises(Refused) as caught:
        LongFieldsParser().parse(io.BytesIO(multipart(('name="file"', b"1"))), media_type)
    assert caught.value.code == "malformed_multipart"


@pytest.mark.parametrize("name", [b'name="f\xff"', b"", b"no parameters"])
def test_a_part_that_names_no_field_is_none(name: bytes) -> None:
    body = multipart(("NAME", b"1")).replace(b"NAME", name)
    fields = LongFieldsParser().parse(io.BytesIO(body), "multipart/form-data; boundary=x")
    assert "file" not in fields


def test_a_form_keeps_its_escaped_and_its_unescaped_plus_signs() -> None:
    for body in (
        urlencode({"file": TEXT, "a": "b c"}),
        f"file={TEXT}&a=b+c",
        f"file={TEXT}".replace("/", "%2f"),
    ):
        fields = LongFormParser().parse(io.BytesIO(body.encode()))
        assert decoded(fields["file"], "file") == DATA


@pytest.mark.parametrize(
    ("parser", "body"),
    [
        (LongFieldsParser(), multipart(*[('name="a"', b"1")] * 101)),
        (LongFormParser(), b"&".join([b"a=1"] * 101)),
    ],
)
def test_a_form_of_a_hundred_and_one_fields_is_refused(parser: Any, body: bytes) -> None:
    with pytest.raises(Refused) as caught:
        parser.parse(io.BytesIO(body), "multipart/form-data; boundary=x")
    assert (caught.value.status_code, caught.value.code) == (413, "too_many_fields")


@pytest.mark.parametrize("body", [b"", b"{", b"\xff\xfe\x00", b"[" * 9, b'{"file": "' + b"A" * 10])
def test_what_is_not_json_is_refused(body: bytes) -> None:
    with pytest.raises(Refused) as caught:
        LongJsonParser().parse(io.BytesIO(body))
    assert caught.value.code == "parse_error"


@pytest.mark.parametrize("body", [b"[" * 100_000, b"{}," * 1_000_000])
def test_json_that_is_no_field_is_refused_before_it_is_parsed(body: bytes) -> None:
    with pytest.raises(Refused) as caught:
        LongJsonParser().parse(io.BytesIO(body))
    assert caught.value.code == "too_many_items"


def test_json_may_be_longer_than_django_lets_it() -> None:
    value = {"file": "A" * 9_000_000}
    assert LongJsonParser().parse(io.BytesIO(json.dumps(value).encode())) == value
