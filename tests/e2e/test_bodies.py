"""Request bodies as clients send them: in chunks, bare, under other field names; refused before they come."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest

from tests.api import Api
from tests.drawing import photo
from tests.stack import Stack

MEGABYTE = 1024 * 1024
PART = b'Content-Disposition: form-data; name="%s"; filename="%s"\r\nContent-Type: image/jpeg\r\n\r\n%s'


def form(*parts: bytes, line_end: bytes = b"\r\n", after: bytes = b"\r\n") -> bytes:
    return b"".join(b"--x" + line_end + part + line_end for part in parts) + b"--x--" + after


FORM = {"Content-Type": "multipart/form-data; boundary=x"}


def in_pieces(data: bytes, size: int = 10_000) -> Iterator[bytes]:
    """httpx sends an iterator in chunks, without a length."""
    for start in range(0, len(data), size):
        yield data[start : start + size]


class Raw:
    """A connection on which a request is begun by hand."""

    def __init__(self, stack: Stack, head: str) -> None:
        self.socket = socket.create_connection(("127.0.0.1", stack.port), timeout=30)
        lines = head.replace("\n", "\r\n")
        self.socket.sendall(f"{lines}\r\nHost: localhost\r\n\r\n".encode())

    def answer(self) -> tuple[int, dict[str, Any]]:
        got = b""
        while b"\r\n\r\n" not in got or not got.endswith(b"}"):
            piece = self.socket.recv(65536)
            if not piece:
                break
            got += piece
        head, _, body = got.partition(b"\r\n\r\n")
        return int(head.split()[1]), json.loads(body)


@contextmanager
def raw(stack: Stack, head: str) -> Iterator[Raw]:
    opened = Raw(stack, head)
    with opened.socket:
        yield opened


def leftovers(stack: Stack) -> list[Any]:
    return list((stack.home / "media" / "incoming").iterdir())


@pytest.mark.parametrize("path", ["/api/async/upload", "/api/async/batch/upload"])
def test_a_chunked_form_is_taken_like_any_other(api: Api, path: str) -> None:
    sent = form(*(PART % (b"images", b"%d.jpg" % n, photo(9000 + n, 90, 60)) for n in range(3)))
    answer = api.client.post(path, content=in_pieces(sent), headers=FORM)
    assert answer.status_code == 202, answer.text
    assert [taken["index"] for taken in answer.json()["accepted"]] == [0, 1, 2]
    assert api.finished(answer.json()["job_id"])["completed"] == 3


def test_a_chunked_json_body_is_read(api: Api) -> None:
    answer = api.client.post(
        "/api/images/check",
        content=in_pieces(b'{"checksums": []}', 4),
        headers={"Content-Type": "application/json"},
    )
    assert answer.status_code in (200, 400), answer.text
    assert answer.json() == {"known": {}} or answer.json()["errors"][0]["attr"] == "checksums"


@pytest.mark.parametrize("method", ["POST", "PUT"])
@pytest.mark.parametrize("chunked", [True, False])
def test_the_bytes_themselves_may_be_the_body(api: Api, method: str, chunked: bool) -> None:
    data = photo(9100 + chunked, 80, 60)
    content = in_pieces(data) if chunked else data
    headers = {"Content-Type": "image/jpeg"}
    url = "/api/upload?name=at%20the%20lake.jpg"
    answer = api.client.request(method, url, content=content, headers=headers)
    assert answer.status_code == 200, answer.text
    image = answer.json()["image"]
    assert (image["name"], image["size"], image["status"]) == ("at the lake.jpg", len(data), "completed")
    assert answer.headers["Location"] == f"/api/images/{image['id']}"
    assert api.client.get(answer.headers["Location"]).json()["id"] == image["id"]


@pytest.mark.parametrize(
    ("path", "headers", "name"),
    [
        ("/api/upload", {"Content-Disposition": 'attachment; filename="a.jpg"'}, "a.jpg"),
        ("/api/upload", {"Content-Disposition": "inline; filename*=UTF-8''f%C3%BCr.jpg"}, "f\u00fcr.jpg"),
        ("/api/upload", {"Content-Type": "application/octet-stream"}, "unnamed"),
        ("/api/upload/holiday.jpg", {"Content-Type": ""}, "holiday.jpg"),
    ],
)
def test_a_bare_body_has_the_name_it_is_sent_with(
    api: Api, path: str, headers: dict[str, str], name: str
) -> None:
    sent = {"Content-Type": "image/jpeg", **headers}
    answer = api.client.put(path, content=photo(9200, 80, 60), headers=sent)
    assert answer.status_code == 200, answer.text
    assert answer.json()["image"]["name"] == name


@pytest.mark.parametrize("field", ["images[]", "images[0]", "images[17]"])
def test_numbered_fields_are_the_field(api: Api, field: str) -> None:
    files = [(field, ("a.jpg", photo(9300, 60, 60))), (field, ("b.jpg", photo(9301, 60, 60)))]
    answer = api.client.post("/api/async/upload", files=files)
    assert answer.status_code == 202, answer.text
    assert [taken["name"] for taken in answer.json()["accepted"]] == ["a.jpg", "b.jpg"]


HANGUL = "\u1112\u1161\u11ab" * 110


@pytest.mark.parametrize(
    "disposition",
    [
        b'name="images"',
        b'name="images"; filename=""',
        b'name="images"; filename="Gr\xf6\xdfe.jpg"',
        b'name="images"; filename="\x95\\.jpg"',
        b'filename="\x95\\"; name="images"',
        b'name="images"; filename="%s.jpg"' % HANGUL.encode(),
        b"name=\"images\"; filename*=UTF-8''%s" % (b"%E7%85%A7" * 120),
        b'NAME="images"; FILENAME="a%22b.jpg"',
    ],
)
def test_no_file_of_a_request_vanishes_whatever_its_name(api: Api, disposition: bytes) -> None:
    parts = [PART % (b"images", b"%d.jpg" % n, photo(9400 + n, 60, 60)) for n in range(3)]
    parts[1] = b"content-disposition: form-data; %s\r\n\r\n%s" % (disposition, photo(9401, 60, 60))
    answer = api.client.post("/api/async/upload", content=form(*parts), headers=FORM)
    assert answer.status_code == 202, answer.text
    assert answer.json()["rejected"] == []
    assert [taken["index"] for taken in answer.json()["accepted"]] == [0, 1, 2]
    assert all(taken["name"] for taken in answer.json()["accepted"])


@pytest.mark.parametrize(
    "content_type", ["Multipart/Form-Data; Boundary=x", 'MULTIPART/FORM-DATA; boundary="x"']
)
@pytest.mark.parametrize(("line_end", "after"), [(b"\n", b"\n"), (b"\r\n", b"\r\n" + b"y" * 5000)])
def test_a_form_is_one_however_it_is_written(
    api: Api, content_type: str, line_end: bytes, after: bytes
) -> None:
    part = (PART % (b"images", b"a.jpg", b"")).replace(b"\r\n", line_end) + photo(9500, 60, 60)
    sent = form(part, line_end=line_end, after=after)
    answer = api.client.post("/api/async/upload", content=sent, headers={"Content-Type": content_type})
    assert answer.status_code == 202, answer.text


def test_an_empty_choice_of_files_is_none(api: Api) -> None:
    answer = api.client.post("/api/async/upload", content=form(PART % (b"images", b"", b"")), headers=FORM)
    assert (answer.status_code, answer.json()["code"]) == (400, "no_images")


@pytest.mark.parametrize("path", ["/api/upload", "/api/async/upload", "/imgproc/upload"])
@pytest.mark.parametrize("framing", ["Content-Length: 300000000", "Transfer-Encoding: chunked"])
def test_a_stranger_is_refused_before_the_body_comes(stack: Stack, path: str, framing: str) -> None:
    head = f"POST {path} HTTP/1.1\n{framing}\nContent-Type: multipart/form-data; boundary=x\n"
    with raw(stack, head + "Expect: 100-continue\nAuthorization: Bearer wrong") as request:
        status, problem = request.answer()
    assert (status, problem["code"]) == (401, "invalid_token")
    assert leftovers(stack) == []


def test_a_wrong_file_ends_the_request_at_its_first_bytes(stack: Stack) -> None:
    head = f"POST /api/upload HTTP/1.1\nContent-Length: 30000000\nAuthorization: Bearer {stack.token}\n"
    with raw(stack, head + "Content-Type: image/jpeg") as request:
        request.socket.sendall(b"This is a text, and goes on for thirty megabytes." * 100)
        status, problem = request.answer()
    assert (status, problem["code"]) == (415, "unsupported_format")
    assert leftovers(stack) == []


def test_a_client_that_waits_to_be_asked_is_asked(stack: Stack) -> None:
    data = photo(9600, 60, 60)
    head = f"POST /api/upload HTTP/1.1\nContent-Length: {len(data)}\nAuthorization: Bearer {stack.token}\n"
    with raw(stack, head + "Content-Type: image/jpeg\nExpect: 100-continue\nConnection: close") as request:
        assert request.socket.recv(1000) == b"HTTP/1.1 100 Continue\r\n\r\n"
        request.socket.sendall(data)
        assert request.answer()[0] == 200


def test_a_chunked_body_meets_the_same_limit(stack: Stack) -> None:
    head = "POST /api/images/check HTTP/1.1\nTransfer-Encoding: chunked\nContent-Type: application/json"
    with raw(stack, f"{head}\nAuthorization: Bearer {stack.token}") as request:
        chunk = b"100000\r\n" + b"[" * MEGABYTE + b"\r\n"
        sender = threading.Thread(target=lambda: [request.socket.sendall(chunk) for _ in range(6)])
        sender.start()
        status, problem = request.answer()
        sender.join()
    assert (status, problem["code"]) == (413, "body_too_large")


def test_a_refused_client_that_goes_on_sending_still_reads_why(stack: Stack) -> None:
    answer = httpx.post(
        f"{stack.url}/api/async/upload",
        content=b"x" * 20 * MEGABYTE,
        headers={**FORM, "Authorization": "Bearer wrong"},
        timeout=60,
    )
    assert answer.status_code == 401
    assert answer.headers["Connection"] == "close"


def test_a_request_line_in_absolute_form_is_taken(stack: Stack) -> None:
    with raw(stack, "GET http://LOCALHOST/api/me?x=1 HTTP/1.1\nConnection: close") as request:
        assert request.answer()[0] == 200
    with raw(stack, "GET http://evil.example/api/me HTTP/1.1\nConnection: close") as request:
        assert request.answer()[0] == 400


@pytest.mark.parametrize("hosts", ["", "Host: localhost\r\nHost: localhost\r\n"])
def test_a_request_names_one_host(stack: Stack, hosts: str) -> None:
    with socket.create_connection(("127.0.0.1", stack.port), timeout=30) as opened:
        opened.sendall(f"GET /healthz/live HTTP/1.1\r\n{hosts}\r\n".encode())
        assert opened.recv(1000).startswith(b"HTTP/1.1 400 ")


def test_the_next_request_on_the_connection_is_answered(api: Api) -> None:
    for turn in range(3):
        sent = form(PART % (b"images", b"a.jpg", photo(9700 + turn, 60, 60)))
        assert api.client.post("/api/async/upload", content=in_pieces(sent), headers=FORM).status_code == 202
