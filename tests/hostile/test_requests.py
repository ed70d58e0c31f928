"""Requests that nobody should send: names, headers, multipart, cursors, JSON."""

from __future__ import annotations

import base64
import json
import re
import socket
import unicodedata
import urllib.parse
import uuid
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.api import Api
from tests.drawing import photo
from tests.hostile.report import REPORT
from tests.stack import Stack

PICTURE = photo(7, 24, 16)
FUZZ = settings(
    deadline=None,
    database=None,
    max_examples=60,
    derandomize=True,
    suppress_health_check=[
        HealthCheck.function_scoped_fixture,
        HealthCheck.too_slow,
        HealthCheck.filter_too_much,
    ],
)


def raw(stack: Stack, request: bytes) -> bytes:
    """What the server says to these bytes: one answer, or all that came until it hung up."""
    with socket.create_connection(("127.0.0.1", stack.port), timeout=30) as opened:
        opened.sendall(request)
        answer = b""
        while not is_whole(answer) and (piece := opened.recv(65_536)):
            answer += piece
    return answer


def is_whole(answer: bytes) -> bool:
    head, end, body = answer.partition(b"\r\n\r\n")
    length = re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)
    return bool(end) and length is not None and len(body) >= int(length[1])


def status_of(answer: bytes) -> int:
    assert answer.startswith(b"HTTP/1.1 "), answer[:200]
    return int(answer.split()[1])


def assert_answered(answer: httpx.Response) -> None:
    """Anything but a server error; a refusal is a problem."""
    assert answer.status_code < 500, answer.text
    if answer.status_code >= 400:
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert answer.json()["code"]


# Names

NAMES: dict[str, tuple[str, str]] = {
    "../../etc/passwd": ("../../etc/passwd", "passwd"),
    "C:\\x\\y.jpg": ("C:\\x\\y.jpg", "y.jpg"),
    "..": ("..", "unnamed"),
    "/": ("/", "unnamed"),
    "NUL": ("a\0b.jpg", "ab.jpg"),
    "right-to-left override": ("photo\u202egpj.exe", "photogpj.exe"),
    "CR LF": ("a\r\nSet-Cookie: x=1\r\n.jpg", "aSet-Cookie: x=1.jpg"),
    "quotes": ("a\"b'c.jpg", "a\"b'c.jpg"),
    "emoji": ("🏔️🌅.jpg", "🏔️🌅.jpg"),
    "NFD": (unicodedata.normalize("NFD", "Größe.jpg"), "Größe.jpg"),
    "300 characters": ("x" * 300 + ".jpg", "x" * 251 + ".jpg"),
    "HTML": ("<img src=x onerror=alert(1)>.jpg", "<img src=x onerror=alert(1)>.jpg"),
    "a formula": ("=cmd|'/c calc'!A1.jpg", None),  # type: ignore[dict-item]
}


@pytest.mark.parametrize("what", NAMES)
def test_a_name_is_cleaned_and_never_a_path(api: Api, what: str) -> None:
    sent, shown = NAMES[what]
    answer = raw_upload(api, sent.encode())
    REPORT.add(f"name: {what}", repr(answer["name"][:40]), 202)
    if shown is not None:
        assert answer["name"] == shown
    assert not set(answer["name"]) & set("/\\\0\r\n\u202e")


def raw_upload(api: Api, name: bytes) -> dict[str, Any]:
    """Uploads one picture under these very bytes as its name (CR LF and quotes as browsers escape them)."""
    escaped = name.replace(b"\r", b"%0D").replace(b"\n", b"%0A").replace(b'"', b"%22")
    parameter = b"filename*=UTF-8''" + urllib.parse.quote(name, safe="").encode()
    if not {0x0D, 0x0A, 0x22, 0x5C} & set(name):
        parameter = b'filename="' + escaped + b'"'
    answer = api.client.post("/api/async/upload", content=form(parameter), headers=FORM)
    assert answer.status_code == 202, answer.text
    [accepted] = answer.json()["accepted"]
    return dict(accepted)


FORM = {"Content-Type": "multipart/form-data; boundary=x"}


def form(parameter: bytes, data: bytes = PICTURE, field: bytes = b"images") -> bytes:
    return (
        b'--x\r\nContent-Disposition: form-data; name="'
        + field
        + b'"; '
        + parameter
        + b"\r\n\r\n"
        + data
        + b"\r\n--x--\r\n"
    )


def test_the_same_name_and_the_same_file_twice_are_two_rows(api: Api) -> None:
    body = api.multi([("a.jpg", PICTURE), ("a.jpg", PICTURE)]).json()
    first, second = body["accepted"]
    assert first["id"] != second["id"]
    assert second["duplicate_of"] in (first["id"], first["duplicate_of"])
    assert api.finished(body["job_id"])["completed"] == 2
    REPORT.add("the same name and file twice in a request", "two rows", 202)


@FUZZ
@given(name=st.text(min_size=1, max_size=400))
def test_any_text_is_a_name(api: Api, name: str) -> None:
    shown = raw_upload(api, name.encode("utf-8", "replace"))["name"]
    assert 0 < len(shown) <= 255
    assert not any(unicodedata.category(character) == "Cc" or character in "/\\" for character in shown)


@FUZZ
@given(parameter=st.binary(max_size=200).map(lambda b: b.replace(b"\r", b"").replace(b"\n", b"")))
def test_any_bytes_may_stand_where_the_name_does(api: Api, parameter: bytes) -> None:
    answer = api.client.post("/api/async/upload", content=form(b'filename="' + parameter), headers=FORM)
    assert_answered(answer)
    REPORT.add("random bytes for filename=", answer.json().get("code", "accepted"), answer.status_code)


# Multipart


def multipart_rows() -> dict[str, tuple[dict[str, str], bytes]]:
    good = b'filename="a.jpg"'
    field = b'--x\r\nContent-Disposition: form-data; name="%s"\r\n\r\n%s\r\n'
    return {
        "no boundary": ({"Content-Type": "multipart/form-data"}, form(good)),
        "another boundary": ({"Content-Type": "multipart/form-data; boundary=y"}, form(good)),
        "a boundary of 300": ({"Content-Type": "multipart/form-data; boundary=" + "x" * 300}, form(good)),
        "an empty boundary": ({"Content-Type": "multipart/form-data; boundary="}, form(good)),
        "charset=bz2_codec": (
            {"Content-Type": "multipart/form-data; boundary=x; charset=bz2_codec"},
            form(good),
        ),
        "charset=undefined": (
            {"Content-Type": "multipart/form-data; boundary=x; charset=undefined"},
            form(good),
        ),
        "charset=utf-16": ({"Content-Type": "multipart/form-data; boundary=x; charset=utf-16"}, form(good)),
        "multipart/mixed": ({"Content-Type": "multipart/mixed; boundary=x"}, form(good)),
        "JSON": ({"Content-Type": "application/json"}, b"{}"),
        "no type": ({}, form(good)),
        "no closing boundary": (FORM, form(good)[:-7]),
        "a part without headers": (FORM, b"--x\r\n\r\ndata\r\n--x--\r\n"),
        "a part without an end of its headers": (
            FORM,
            b"--x\r\nContent-Disposition: form-data" + b"a" * 70_000,
        ),
        "a part header of 2 MB": (FORM, b"--x\r\nX: " + b"a" * 2_000_000 + b"\r\n\r\n1\r\n--x--\r\n"),
        "10,000 parts": (FORM, b"".join(field % (b"f%d" % n, b"1") for n in range(10_000)) + form(good)),
        "10,000 files": (FORM, b"".join(form(good)[:-7] for _ in range(10_000)) + b"--x--\r\n"),
        "a text field of 10 MB": (FORM, field % (b"t", b"a" * 10_000_000) + form(good)),
        "NUL in a text field": (FORM, field % (b"webhook_url", b"http://a\0b/") + form(good)),
        "NUL in a field's name": (FORM, field % (b"a\0b", b"1") + form(good)),
        "a surrogate in a text field": (FORM, field % (b"webhook_url", b"http://\xed\xa0\x80/") + form(good)),
        "webhook_url=javascript:": (FORM, field % (b"webhook_url", b"javascript:alert(1)") + form(good)),
        "base64 that is none": (
            FORM,
            form(good + b"\r\nContent-Transfer-Encoding: base64", b"=====\xff\xff"),
        ),
        "quoted-printable": (FORM, form(good + b"\r\nContent-Transfer-Encoding: quoted-printable")),
        "a file in another field": (FORM, form(good, field=b"other")),
        "no file": (FORM, field % (b"a", b"1") + b"--x--\r\n"),
        "an empty body": (FORM, b""),
        "nothing but boundaries": (FORM, b"--x\r\n" * 1000 + b"--x--\r\n"),
    }


@pytest.mark.parametrize("what", multipart_rows())
def test_odd_multipart_is_refused_as_a_problem(api: Api, what: str) -> None:
    headers, body = multipart_rows()[what]
    answer = api.client.post("/api/async/upload", content=body, headers=headers)
    assert_answered(answer)
    REPORT.add(f"multipart: {what}", answer.json().get("code", "accepted"), answer.status_code)
    accepted = {"quoted-printable", "NUL in a field's name", "a surrogate in a text field"}
    assert answer.status_code in ((202, 400) if what in accepted else (400, 411, 413, 415)), answer.text


@FUZZ
@given(
    body=st.binary(max_size=2000), prefix=st.sampled_from([b"", b"--x\r\n", b"--x\r\nContent-Disposition: "])
)
def test_any_bytes_are_a_body_with_an_answer(api: Api, body: bytes, prefix: bytes) -> None:
    answer = api.client.post("/api/async/upload", content=prefix + body, headers=FORM)
    assert_answered(answer)
    REPORT.add("random bytes for a multipart body", answer.json().get("code", "accepted"), answer.status_code)


# Headers

HEADER_ROWS: dict[str, tuple[bytes, tuple[int, ...]]] = {
    "20 kB in one header": (b"X-Long: " + b"a" * 20_000, (431,)),
    "600 headers": (b"X-A: b\r\n" * 600 + b"X: y", (431,)),
    "an unknown Host": (b"Host: evil.example", (400,)),
    "two different Content-Lengths": (b"Content-Length: 1\r\nContent-Length: 2", (400,)),
    "Content-Length: -1": (b"Content-Length: -1", (400,)),
    "Content-Length beside chunks": (b"Content-Length: 5\r\nTransfer-Encoding: chunked", (400, 411)),
    "Transfer-Encoding: bogus": (b"Transfer-Encoding: bogus", (400, 411, 501)),
    "a header without a colon": (b"nonsense", (400,)),
    "a folded header": (b"X-A: b\r\n c", (200, 400)),
    "NUL in a header": (b"X-A: a\0b", (200, 400)),
    "NUL in a cookie": (b"Cookie: sessionid=a%00b\0", (200, 400)),
    "a foreign Origin": (b"Origin: https://evil.example", (403,)),
    "Origin: null": (b"Origin: null", (403,)),
    "Origin that is no URL": (b"Origin: http://[", (403,)),
    "a token that is none": (b"Authorization: Bearer \xff\xfe", (401,)),
    "Bearer of 10 kB": (b"Authorization: Bearer " + b"a" * 10_000, (401,)),
    "Basic": (b"Authorization: Basic YTpi", (200, 401)),
    "Accept: text/html": (b"Accept: text/html;q=1.5, */*;q=x", (200, 406)),
    "Accept of NUL": (b"Accept: \0\0\0", (200, 400, 406)),
    "Accept-Language: *": (b"Accept-Language: " + b"a-" * 3000, (200, 400)),
    "X-Forwarded-For": (b"X-Forwarded-For: ' OR 1=1, ::::, 999.1.1.1", (200, 401)),
    "X-HTTP-Method-Override": (b"X-HTTP-Method-Override: DELETE", (200,)),
    "If-None-Match": (b'If-None-Match: "' + b"\\" * 300, (200,)),
    "Range": (b"Range: bytes=-1--9,9-1", (200, 416)),
    "Upgrade to nothing": (b"Connection: Upgrade, close\r\nUpgrade: nothing", (200, 400)),
}


@pytest.mark.parametrize("what", HEADER_ROWS)
def test_odd_headers_get_a_clear_answer(stack: Stack, what: str) -> None:
    line, allowed = HEADER_ROWS[what]
    host = b"" if line.startswith(b"Host") else b"Host: localhost\r\n"
    closing = b"" if b"Connection" in line else b"Connection: close\r\n"
    answer = raw(stack, b"GET /api/list HTTP/1.1\r\n" + host + closing + line + b"\r\n\r\n")
    status = status_of(answer)
    REPORT.add(f"header: {what}", answer.split(b"\r\n")[0][13:].decode(), status)
    assert status in allowed, answer
    if status >= 400:
        assert b"application/problem+json" in answer


HEADER_NAMES = st.sampled_from(
    [
        "Accept",
        "Accept-Language",
        "Authorization",
        "Content-Type",
        "Content-Length",
        "Cookie",
        "Expect",
        "Forwarded",
        "If-Match",
        "If-Modified-Since",
        "If-None-Match",
        "Idempotency-Key",
        "Origin",
        "Range",
        "Referer",
        "Transfer-Encoding",
        "Upgrade",
        "X-CSRFToken",
        "X-Forwarded-For",
        "X-Forwarded-Host",
        "X-Forwarded-Proto",
        "X-Requested-With",
    ]
)


@FUZZ
@given(
    headers=st.lists(st.tuples(HEADER_NAMES, st.binary(max_size=80)), max_size=6),
    method=st.sampled_from(["GET", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "HEAD", "TRACE", "BREW"]),
    path=st.sampled_from(
        ["/api/list", "/api/jobs", "/api/tokens", "/api/upload", "/healthz/live", "/admin/login/"]
    ),
)
def test_any_header_has_an_answer(
    stack: Stack, headers: list[tuple[str, bytes]], method: str, path: str
) -> None:
    lines = b"".join(name.encode() + b": " + value + b"\r\n" for name, value in headers)
    head = f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n".encode()
    with socket.create_connection(("127.0.0.1", stack.port), timeout=30) as opened:
        opened.sendall(head + lines + b"\r\n")
        opened.shutdown(socket.SHUT_WR)
        answer = b""
        try:
            while piece := opened.recv(65_536):
                answer += piece
        except ConnectionResetError:
            pass
    # A body that was announced and never came is a client that left; every other gets an answer.
    for part in answer.split(b"HTTP/1.1 ")[1:]:
        assert int(part.split()[0]) < 500, answer
    REPORT.add("random headers", "no 5xx", "<500")


@pytest.mark.parametrize(
    "target",
    [
        b"/%00",
        b"/%ff%fe",
        b"/api/images/' OR 1=1",
        b"/api/images/%2e%2e%2f%2e%2e%2fetc%2fpasswd",
        b"/media/../../etc/passwd",
        b"/media/%2e%2e/%2e%2e",
        b"/media/aaaaaaaaaaaaaaaaaaaaaa/web.0123456789abcdef.jpg%00",
        b"//evil.example/api/list",
        b"http://evil.example/api/list",
        b"/api/jobs/00000000-0000-0000-0000-000000000000/events?wait=99999999999999999999",
        b"/static/../../../etc/passwd",
        b"*",
        b"/" + b"a" * 8000,
        b"/api/list?" + b"a=1&" * 3000,
        b"/ws/upload/",
    ],
)
def test_odd_paths_are_not_found(stack: Stack, target: bytes) -> None:
    answer = raw(stack, b"GET " + target + b" HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    status = status_of(answer)
    shown = target if len(target) < 60 else target[:50] + b"..."
    REPORT.add(f"path: {shown.decode('latin-1')}", answer.split(b"\r\n")[0][13:].decode(), status)
    assert status in (400, 404, 431) or b"/api/list" in target
    assert status < 500
    assert b"root:" not in answer


# Cursors and numbers

ODD_NUMBERS = [
    "-1",
    "0",
    "1001",
    "NaN",
    "1e309",
    "0 OR 1=1",
    "٣",
    "1.5",
    "9" * 5000,
    "0x10",
    "+1",
    " 1",
    "\0",
]


@pytest.mark.parametrize("text", ODD_NUMBERS)
@pytest.mark.parametrize("path", ["/api/list?limit=", "/api/jobs?limit="])
def test_odd_numbers_are_refused(api: Api, path: str, text: str) -> None:
    answer = api.client.get(path + urllib.parse.quote(text))
    REPORT.add(f"{path}{text[:20]!r}", answer.json()["code"], answer.status_code)
    assert answer.status_code == 400


def test_odd_states_and_numbers_of_events_are_refused(api: Api) -> None:
    job_id = api.multi([("a.jpg", PICTURE)]).json()["job_id"]
    for query in ("since=-1", f"since={10**20}", "wait=31", "since=NaN", "wait=%00"):
        assert api.client.get(f"/api/jobs/{job_id}/events?{query}").status_code == 400
    for status in ("done", "' OR 1=1", "%00", "partial", "pending,failed"):
        assert api.client.get(f"/api/jobs/{job_id}/images?status={status}").status_code == 400


def cursor(value: Any, back: Any = 0) -> str:
    return base64.urlsafe_b64encode(json.dumps([value, back]).encode()).decode().rstrip("=")


@pytest.mark.parametrize(
    "text",
    [
        "x",
        "....",
        "é",
        "\0",
        cursor("not an id"),
        cursor(5),
        cursor(None),
        cursor(["a"]),
        cursor("1", 7),
        cursor("1", [1]),
        cursor("9" * 5000),
        base64.urlsafe_b64encode(b"[" * 100_00).decode(),
        base64.urlsafe_b64encode(b"\xff\xfe").decode(),
        base64.urlsafe_b64encode(b'{"a": 1}').decode(),
        base64.urlsafe_b64encode(b"[1e999, NaN]").decode(),
    ],
)
def test_a_cursor_that_is_none_of_ours_is_refused(api: Api, text: str) -> None:
    for path in ("/api/list", "/api/jobs"):
        answer = api.client.get(path, params={"cursor": text})
        assert (answer.status_code, answer.json()["code"]) == (400, "bad_cursor"), answer.text
        REPORT.add("made-up cursor", "bad_cursor", 400)


@FUZZ
@given(
    content=st.one_of(
        st.binary(max_size=60),
        st.tuples(
            st.one_of(st.text(max_size=30), st.integers().map(str), st.uuids().map(str), st.none()),
            st.one_of(st.integers(-2, 3), st.booleans(), st.none()),
        ).map(lambda pair: json.dumps(pair).encode()),
    )
)
def test_any_cursor_has_an_answer(api: Api, content: bytes) -> None:
    job_id = known_job(api)
    text = base64.urlsafe_b64encode(content).decode()
    for path in ("/api/list", "/api/jobs", f"/api/jobs/{job_id}/images"):
        answer = api.client.get(path, params={"cursor": text})
        assert_answered(answer)
        assert answer.status_code in (200, 400)


def known_job(api: Api) -> str:
    jobs = api.client.get("/api/jobs?limit=1").json()["results"]
    return str(jobs[0]["id"] if jobs else api.multi([("a.jpg", PICTURE)]).json()["job_id"])


# JSON

JSON_ROWS: dict[str, bytes] = {
    "nothing": b"",
    "no JSON": b"{",
    "100,000 brackets": b"[" * 100_000,
    "100,000 nested objects": b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
    "NaN": b'{"checksums": [NaN]}',
    "1e309": b'{"checksums": [1e309]}',
    "5,000 digits": b'{"checksums": [' + b"9" * 5000 + b"]}",
    "NUL": b'{"checksums": ["\\u0000"], "username": "a\\u0000b", "password": "x"}',
    "a lone surrogate": b'{"checksums": ["\\ud800"], "username": "\\ud800", "password": "\\udfff"}',
    "UTF-16": '{"checksums": []}'.encode("utf-16"),
    "a BOM": b'\xef\xbb\xbf{"checksums": "x"}',
    "invalid UTF-8": b'{"checksums": ["\xff"]}',
    "an array": b"[]",
    "null": b"null",
    "a number": b"17",
    "a list for a text": b'{"username": ["a"], "password": {"b": 1}, "checksums": {"0": "x"}}',
    "10,001 checksums": json.dumps({"checksums": ["sha256:" + "0" * 64] * 10_001}).encode(),
    "SQL": b'{"checksums": ["\' OR 1=1 --"], "username": "\' OR 1=1 --", "password": "\' OR 1=1 --"}',
    "5 MB of text": b'{"username": "' + b"a" * 5_000_000 + b'", "password": "x", "checksums": "x"}',
    "a password of 1 MB": b'{"username": "admin", "password": "' + b"a" * 1_000_000 + b'", "checksums": 1}',
}


@pytest.mark.parametrize("what", JSON_ROWS)
@pytest.mark.parametrize("path", ["/api/images/check", "/api/tokens"])
def test_odd_json_is_refused(api: Api, path: str, what: str) -> None:
    headers = {"Content-Type": "application/json"}
    answer = api.client.post(path, content=JSON_ROWS[what], headers=headers)
    REPORT.add(f"JSON to {path}: {what}", answer.json()["code"], answer.status_code)
    assert_answered(answer)
    assert answer.status_code in (400, 401, 413), answer.text


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


@FUZZ
@given(
    body=st.one_of(
        VALUES,
        st.fixed_dictionaries({"checksums": VALUES}),
        st.fixed_dictionaries({"username": VALUES, "password": VALUES}),
    ),
    charset=st.sampled_from(
        ["", "; charset=utf-8", "; charset=utf-16", "; charset=bz2_codec", "; charset=\xff"]
    ),
)
def test_any_json_has_an_answer(api: Api, body: Any, charset: str) -> None:
    headers = {"Content-Type": ("application/json" + charset).encode("latin-1")}
    for path in ("/api/images/check", "/api/tokens"):
        answer = api.client.post(path, content=json.dumps(body).encode(), headers=headers)
        assert_answered(answer)
    REPORT.add("random JSON", "no 5xx", "<500")


# What belongs to others


def test_what_belongs_to_others_is_not_found_on_any_route(api: Api, stack: Stack) -> None:
    accepted = api.multi([("mine.jpg", photo(8, 30, 20))]).json()
    api.finished(accepted["job_id"])
    image_id, job_id = accepted["accepted"][0]["id"], accepted["job_id"]
    routes = [
        ("GET", f"/api/images/{image_id}"),
        ("DELETE", f"/api/images/{image_id}"),
        ("POST", f"/api/images/{image_id}/restore"),
        ("GET", f"/api/images/{image_id}/original"),
        ("GET", f"/api/jobs/{job_id}"),
        ("GET", f"/api/jobs/{job_id}/images"),
        ("GET", f"/api/jobs/{job_id}/events"),
        ("GET", f"/api/jobs/{job_id}/events?wait=1"),
        ("POST", f"/api/jobs/{job_id}/retry"),
        ("POST", f"/api/jobs/{job_id}/cancel"),
        ("GET", f"/api/images/{uuid.uuid4()}"),
    ]
    with httpx.Client(base_url=stack.url) as stranger:
        for method, path in routes:
            answer = stranger.request(method, path)
            assert (answer.status_code, answer.json()["code"]) == (404, "not_found"), path
            REPORT.add(
                f"another's {method} {path.replace(image_id, 'ID').replace(job_id, 'ID')[:40]}",
                "not_found",
                404,
            )
    assert api.client.get(f"/api/images/{image_id}").json()["status"] == "completed"
