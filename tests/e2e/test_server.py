"""What the server itself refuses, below Django: always at once, always as a problem."""

from __future__ import annotations

import json
import socket

import pytest

from tests.drawing import photo
from tests.stack import Stack


def exchange(stack: Stack, request: bytes) -> tuple[int, dict[str, str]]:
    """Sends raw bytes; status and problem of the answer."""
    with socket.create_connection(("127.0.0.1", stack.port), timeout=20) as raw:
        raw.sendall(request)
        answer = b""
        while b"\r\n\r\n" not in answer or len(answer.split(b"\r\n\r\n", 1)[1]) < length(answer):
            piece = raw.recv(65536)
            if not piece:
                break
            answer += piece
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"application/problem+json" in head, answer
    return int(head.split()[1]), json.loads(body)


def length(answer: bytes) -> int:
    for line in answer.split(b"\r\n\r\n")[0].split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            return int(value)
    return 0


HEAD = b"POST /api/upload HTTP/1.1\r\nHost: localhost\r\nContent-Type: multipart/form-data; boundary=x\r\n"


@pytest.mark.parametrize(
    ("request_bytes", "status", "code"),
    [
        (HEAD + b"Content-Length: 999999999999\r\n\r\n", 413, "body_too_large"),
        (
            HEAD + b"Expect: 100-continue\r\nContent-Length: 999999999999\r\n\r\n",
            413,
            "body_too_large",
        ),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400, "malformed_multipart"),
        (HEAD + b"X-Long: " + b"a" * 20_000 + b"\r\n\r\n", 431, "headers_too_large"),
        (HEAD + b"X-A: b\r\n" * 600 + b"\r\n", 431, "headers_too_large"),
        (HEAD + b"Content-Length: -1\r\n\r\n", 400, "bad_request"),
        (HEAD + b"no colon here\r\n\r\n", 400, "bad_request"),
        (b"NOT HTTP\r\n\r\n", 400, "bad_request"),
        (b"GET /caf\xc3\xa9 HTTP/1.1\r\nHost: localhost\r\n\r\n", 400, "bad_request"),
        (b"GET /api/list HTTP/1.1\r\nHost: evil.example\r\n\r\n", 400, "bad_request"),
    ],
)
def test_it_is_refused_as_a_problem(stack: Stack, request_bytes: bytes, status: int, code: str) -> None:
    got, problem = exchange(stack, request_bytes)
    assert (got, problem["code"]) == (status, code)
    assert problem["status"] == status


def multipart(*parts: bytes, boundary: bytes = b"x", content_type: bytes | None = None) -> bytes:
    body = b"".join(b"--x\r\n" + part + b"\r\n" for part in parts) + b"--x--\r\n"
    kind = content_type or b"multipart/form-data; boundary=" + boundary
    return (
        b"POST /api/upload HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: "
        + kind
        + b"\r\nContent-Length: "
        + str(len(body)).encode()
        + b"\r\n\r\n"
        + body
    )


FILE = b'Content-Disposition: form-data; name="image"; filename="%s"\r\n\r\n%s'


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (multipart(FILE % (b"a.jpg", b"x"), content_type=b"multipart/form-data"), 400),
        (multipart(FILE % (b"a.jpg", b"x"), boundary=b"y"), 400),
        (multipart(FILE % (b"a.jpg", b"x"), content_type=b"text/plain"), 415),
        (multipart(FILE % (b"a.jpg", b"x"), content_type=b"multipart/form-data; boundary=\xff"), 400),
        (multipart(b"garbage"), 400),
        (multipart(b'Content-Disposition: form-data; name="image"\r\n\r\nno file'), 400),
        (multipart(b'Content-Disposition: form-data; name="t"\r\n\r\n' + b"a" * 10_000_000), 413),
        (multipart(*[b'Content-Disposition: form-data; name="f%d"\r\n\r\n1' % n for n in range(2000)]), 413),
        (
            multipart(
                b'Content-Disposition: form-data; name="webhook_url"\r\n\r\na\x00b',
                FILE % (b"a.jpg", photo(1, 20, 20)),
            ),
            400,
        ),
        (
            multipart(
                FILE % (b"a.jpg", b"x"),
                content_type=b"multipart/form-data; boundary=x; charset=bz2_codec",
            ),
            400,
        ),
    ],
)
def test_odd_multipart_gets_a_clear_answer(stack: Stack, request_bytes: bytes, status: int) -> None:
    got, problem = exchange(stack, request_bytes)
    if b"charset=bz2" in request_bytes:
        assert got in (400, 415)
    else:
        assert got == status, problem
    assert problem["code"]


@pytest.mark.parametrize("name", [b"..", b"../../etc/passwd", b"C:\\x.jpg", b"a\x00b.jpg"])
def test_a_file_is_taken_whatever_its_name(stack: Stack, name: bytes) -> None:
    request = multipart(FILE % (name, photo(77, 30, 30)))
    with socket.create_connection(("127.0.0.1", stack.port), timeout=60) as raw:
        raw.sendall(request)
        answer = b""
        while piece := raw.recv(65536):
            answer += piece
    assert answer.startswith(b"HTTP/1.1 200"), answer


def test_a_client_that_leaves_in_the_middle_leaves_nothing(stack: Stack) -> None:
    data = photo(78, 2000, 2000)
    request = multipart(FILE % (b"a.jpg", data))
    for share in (0.2, 0.6, 0.95):
        with socket.create_connection(("127.0.0.1", stack.port), timeout=20) as raw:
            raw.sendall(request[: int(len(request) * share)])
    got, _ = exchange(stack, HEAD + b"Content-Length: 0\r\nConnection: close\r\n\r\n")
    assert got == 400
    assert list((stack.home / "media" / "incoming").iterdir()) == []
    assert [p for p in (stack.home / "tmp").rglob("*") if p.is_file()] == []
