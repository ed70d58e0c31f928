"""Sockets and frames that nobody should open or send."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import suppress

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from tests.drawing import photo
from tests.hostile.report import REPORT
from tests.hostile.test_requests import VALUES, raw, status_of
from tests.realtime.test_sockets import close_code, heard, socket
from tests.stack import Stack

FRAMES = {
    "a frame of 1 MB": "x" * 1_000_000,
    "a binary frame of 1 MB": b"x" * 1_000_000,
    "a frame of 65 kB": "x" * 65_537,
}


@pytest.mark.parametrize("what", FRAMES)
async def test_a_frame_too_large_closes_its_socket_only(stack: Stack, what: str) -> None:
    async with socket(stack, "/ws/upload/") as other, socket(stack, "/ws/upload/") as opened:
        await heard(other)
        await heard(opened)
        await opened.send(FRAMES[what])
        code = await close_code(opened)
        REPORT.add(what, "closed", code)
        assert code == 1009
        await other.send("{}")
        assert (await heard(other))["code"] == "bad_frame"


async def test_ten_thousand_frames_close_their_socket_only(stack: Stack) -> None:
    async with socket(stack, "/ws/upload/") as other, socket(stack, "/ws/upload/") as opened:
        await heard(other)
        await heard(opened)
        try:
            for _ in range(10_000):
                await opened.send("{}")
        except ConnectionClosed:
            pass
        code = await close_code(opened)
        REPORT.add("10,000 frames at once", "closed", code)
        assert code == 4429
        await other.send("{}")
        assert (await heard(other))["code"] == "bad_frame"


async def test_a_message_of_endless_fragments_is_cut_off(stack: Stack) -> None:
    async def fragments() -> AsyncIterator[str]:
        for _ in range(100_000):
            yield "x" * 1000

    async with socket(stack, "/ws/upload/") as opened:
        await heard(opened)
        with suppress(ConnectionClosed):
            await opened.send(fragments())
        code = await close_code(opened)
    REPORT.add("a message of 100 MB in fragments", "closed", code)
    assert code == 1009


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "null", "file://", "http://localhost.evil.example"]
)
async def test_a_foreign_origin_gets_no_socket(stack: Stack, origin: str) -> None:
    async with socket(stack, "/ws/upload/", additional_headers={"Origin": origin}) as opened:
        code = await close_code(opened)
    REPORT.add(f"a socket with Origin {origin}", "closed", code)
    assert code == 4403


@pytest.mark.parametrize(
    "path",
    ["/ws/jobs/x/", "/ws/jobs/%00/", "/ws/jobs/'%20OR%201=1/", "/ws/", "/ws/upload/../jobs/", "/api/list"],
)
async def test_a_made_up_path_is_closed_with_4404(stack: Stack, path: str) -> None:
    async with socket(stack, path) as opened:
        code = await close_code(opened)
    REPORT.add(f"a socket at {path}", "closed", code)
    assert code == 4404


@pytest.mark.parametrize(
    "lines",
    [
        b"Upgrade: websocket",
        b"Upgrade: websocket\r\nSec-WebSocket-Key: x\r\nSec-WebSocket-Version: 13",
        b"Upgrade: websocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 99",
        b"Upgrade: websocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: NaN",
        b"Upgrade: websocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13"
        b"\r\nSec-WebSocket-Protocol: \xff\xfe, bearer.\xff",
    ],
)
def test_an_odd_handshake_is_refused(stack: Stack, lines: bytes) -> None:
    head = b"GET /ws/upload/ HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\n"
    status = status_of(raw(stack, head + lines + b"\r\n\r\n"))
    REPORT.add(f"handshake: {lines[20:80]!r}", "refused", status)
    assert 400 <= status < 500


@settings(
    deadline=None,
    database=None,
    max_examples=40,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(frames=st.lists(st.one_of(st.text(), st.binary(), VALUES.map(json.dumps)), max_size=8))
def test_any_frame_has_an_answer(stack: Stack, frames: list[str | bytes]) -> None:
    headers = {"Authorization": f"Bearer {stack.token}"}
    with connect(f"ws://127.0.0.1:{stack.port}/ws/upload/", additional_headers=headers) as opened:
        opened.recv(timeout=20)
        for frame in frames:
            opened.send(frame)
            assert json.loads(opened.recv(timeout=20))["type"] == "error"
    REPORT.add("random frames", "answered with an error frame", "open")


async def test_bytes_that_are_no_frame_close_the_socket(stack: Stack) -> None:
    async with socket(stack, "/ws/upload/") as opened:
        await heard(opened)
        opened.transport.write(b"\xff\xff" + photo(1, 20, 20))
        code = await asyncio.wait_for(close_code(opened), 20)
    REPORT.add("bytes that are no frame", "closed", code)
    assert code in (1002, 1009)
