"""Answers as HTTP has them, and as slowly as a client may read them."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import httpx
import pytest
from PIL import Image

from tests.api import Api
from tests.drawing import encoded
from tests.stack import Stack


@contextmanager
def connected(stack: Stack) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", stack.port), timeout=20) as raw:
        yield raw


def read_answer(raw: socket.socket) -> tuple[bytes, bytes]:
    """The head of the next answer, and what came with it."""
    answer = b""
    while b"\r\n\r\n" not in answer:
        piece = raw.recv(65536)
        assert piece, answer
        answer += piece
    head, _, rest = answer.partition(b"\r\n\r\n")
    return head, rest


@pytest.fixture(scope="module")
def large(stack: Stack) -> Iterator[dict[str, str]]:
    """Paths of an image's files, each of them larger than one piece of an answer."""
    headers = {"Authorization": f"Bearer {stack.token}"}
    with httpx.Client(base_url=stack.url, headers=headers, timeout=60) as client:
        noise = encoded(Image.effect_noise((1600, 1200), 60).convert("RGB"), quality=95)
        image = Api(client).upload(("noise.jpg", noise)).json()["image"]
        web = next(made for made in image["renditions"] if made["name"] == "web")
        assert web["size"] > 100_000
        link = client.post(f"/api/images/{image['id']}/links", json={"expire_time": 300}).json()["url"]
        yield {"rendition": web["url"], "original": image["original_url"], "link": httpx.URL(link).path}


@pytest.mark.parametrize("what", ["rendition", "original", "link", "schema", "list"])
def test_head_sends_no_body_and_the_connection_goes_on(
    stack: Stack, large: dict[str, str], what: str
) -> None:
    path = {"schema": "/api/schema/", "list": "/api/list", **large}[what]
    request = (
        f"HEAD {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {stack.token}\r\n\r\n"
        "GET /healthz/live HTTP/1.1\r\nHost: localhost\r\n\r\n"
    )
    with connected(stack) as raw:
        raw.sendall(request.encode())
        head, rest = read_answer(raw)
        assert head.startswith(b"HTTP/1.1 200"), head
        following = rest if rest else b"\r\n\r\n".join(read_answer(raw))
        assert following.startswith(b"HTTP/1.1 200 OK"), following[:200]


@pytest.mark.parametrize("what", ["original", "link", "rendition"])
def test_readers_that_stand_still_keep_nobody_else_out(
    stack: Stack, large: dict[str, str], what: str
) -> None:
    request = (
        f"GET {large[what]} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {stack.token}\r\n\r\n"
    ) * 40  # of which the answers fit into no system's buffers
    with ExitStack() as open_ones:
        for _ in range(40):
            raw = open_ones.enter_context(connected(stack))
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            raw.sendall(request.encode())
        for _ in range(20):  # while one after the other comes to stand
            assert httpx.get(f"{stack.url}/healthz/live", timeout=20).status_code == 200
            time.sleep(0.1)


@pytest.mark.parametrize(
    "path", ["/healthz/live", "/healthz/ready", "/metrics", "/api/asyncapi.yaml", "/links/x", "/media/a/b"]
)
@pytest.mark.parametrize("method", ["TRACE", "POST", "DELETE", "OPTIONS"])
def test_what_is_only_read_names_its_methods(stack: Stack, path: str, method: str) -> None:
    answer = httpx.request(method, f"{stack.url}{path}", timeout=20)
    assert (answer.status_code, answer.json()["code"]) == (405, "method_not_allowed")
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert "GET" in answer.headers["Allow"]


@pytest.mark.parametrize("what", ["rendition", "original", "link", "job"])
def test_a_condition_that_fails_is_a_problem(api: Api, large: dict[str, str], what: str) -> None:
    path = large.get(what) or f"/api/jobs/{api.client.get('/api/list?limit=1').json()[0]['job_id']}"
    answer = api.client.get(path, headers={"If-Match": '"another"'})
    assert (answer.status_code, answer.json()["code"]) == (412, "precondition_failed")
    assert answer.headers["ETag"]
