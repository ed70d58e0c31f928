"""Clients that are slow, leave, stop reading, or come by the hundred; and a service that is told to stop."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from tests.database import execute
from tests.drawing import photo
from tests.faults.driver import SEEDS, assert_nothing_lost, batch, client_of, leftovers, pictures, web
from tests.stack import Stack

HEAD = (
    b"POST /api/upload HTTP/1.1\r\nHost: localhost\r\n"
    b"Content-Type: multipart/form-data; boundary=x\r\nContent-Length: %d\r\n\r\n"
)


@pytest.fixture(scope="module")
def own_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A request's body may take five seconds."""
    with Stack(tmp_path_factory.mktemp("clients") / "home", {"IMAGEAPI_BODY_SECONDS": "5"}) as running:
        yield running
        assert leftovers(running) == []


@pytest.mark.parametrize(
    ("at_once", "dripped"),
    [
        (HEAD % 10_000, b"--x\r\n" + b"a" * 60),
        (b"GET /api/list HTTP/1.1\r\nHost: localhost\r\n", b"X: " + b"a" * 60),
        (b"", b"GET /" + b"a" * 60),
    ],
    ids=["body", "headers", "first line"],
)
def test_a_sender_of_a_byte_a_second_is_cut_off(own_stack: Stack, at_once: bytes, dripped: bytes) -> None:
    answer = b""
    with socket.create_connection(("127.0.0.1", own_stack.port), timeout=1) as raw:
        raw.sendall(at_once)
        for byte in dripped[:20]:
            with suppress(TimeoutError):
                raw.send(bytes([byte]))
                answer = raw.recv(65_536)
                break
    assert answer.startswith(b"HTTP/1.1 408 "), answer
    assert b"request_timeout" in answer


def test_a_client_gone_at_any_share_of_its_upload_leaves_nothing(own_stack: Stack) -> None:
    before = execute(own_stack, "SELECT count(*) FROM processing_image")
    part = b'--x\r\nContent-Disposition: form-data; name="image"; filename="a.jpg"\r\n\r\n'
    body = part + photo(next(SEEDS), 2000, 2000) + b"\r\n--x--\r\n"
    for share in (0.2, 0.5, 0.99):
        with socket.create_connection(("127.0.0.1", own_stack.port), timeout=20) as raw:
            raw.sendall((HEAD % len(body)) + body[: int(len(body) * share)])
    with client_of(own_stack) as api:
        assert api.client.get("/healthz/live").status_code == 200
    assert execute(own_stack, "SELECT count(*) FROM processing_image") == before
    assert leftovers(own_stack) == []


def address(stack: Stack, path: str) -> str:
    return f"ws://127.0.0.1:{stack.port}{path}"


async def test_a_socket_that_stops_reading_is_dropped_and_harms_nobody(own_stack: Stack) -> None:
    """The web process holds a bounded backlog for it; the one beside it hears everything."""
    server = web(own_stack)
    headers = {"Authorization": f"Bearer {own_stack.token}"}
    with client_of(own_stack) as api:
        job_id = await asyncio.to_thread(batch, api, pictures(3, 80, 60))
        await asyncio.to_thread(api.finished, job_id)
        lengthen_log(own_stack, job_id)
        base = server.memory_info().rss
        async with connect(address(own_stack, "/ws/upload/"), additional_headers=headers) as healthy:
            await healthy.recv()
            with Peak(server) as peak:
                stuck = [unread_socket(own_stack, f"/ws/jobs/{job_id}/?since=0") for _ in range(4)]
                fresh = await asyncio.to_thread(batch, api, pictures(5))
                await asyncio.to_thread(own_stack.wait_for, "client stopped reading", 30)
                ends = await asyncio.gather(*(asyncio.to_thread(everything, raw) for raw in stuck))
            for _ in range(5):
                assert '"send_upload_notification"' in str(await asyncio.wait_for(healthy.recv(), 30))
        # Who does not read within ten seconds after it is hung up on, unheard.
        assert any(end.endswith(b"\x88\x02" + (4429).to_bytes(2)) for end in ends), [e[-9:] for e in ends]
        await asyncio.to_thread(assert_nothing_lost, api, own_stack, fresh, 5)
    assert peak.rss - base < 150 * 2**20


async def test_sockets_of_every_kind_count_towards_an_accounts_limit(tmp_path: Path) -> None:
    environment = {"IMAGEAPI_SOCKETS_PER_ACCOUNT": "3", "IMAGEAPI_WORKERS": "1"}
    with Stack(tmp_path / "home", environment) as stack, client_of(stack) as api:
        job_id = await asyncio.to_thread(batch, api, pictures(1, 80, 60))
        headers = {"Authorization": f"Bearer {stack.token}"}
        paths = ["/ws/upload/", f"/ws/jobs/{job_id}/", "/ws/feed/?hue=0"]
        kept = [await connect(address(stack, path), additional_headers=headers) for path in paths]
        for opened in kept:
            await asyncio.wait_for(opened.recv(), 30)
        for path in paths:
            assert await code_of_close(address(stack, path), headers) == 4429
        await kept[1].close()
        async with connect(address(stack, paths[0]), additional_headers=headers) as again:
            assert "connected" in str(await asyncio.wait_for(again.recv(), 30))
        for opened in kept:
            await opened.close()


async def code_of_close(url: str, headers: dict[str, str]) -> int:
    async with connect(url, additional_headers=headers) as opened:
        with suppress(ConnectionClosed):
            await asyncio.wait_for(opened.recv(), 30)
        assert opened.close_code is not None, "it was let in"
        return opened.close_code


def lengthen_log(stack: Stack, job_id: str) -> None:
    """Adds 40 MB to the log of a finished job: what a job of 30,000 images leaves."""
    execute(
        stack,
        """
        WITH longer AS (
            INSERT INTO processing_event
                (job_id, seq, owner_id, position, type, status, completed, failed, aborted,
                 finished_at, images)
            SELECT job.id, job.seq + n, job.owner_id, log.position + n, 'job.progress', status, completed,
                failed, aborted, finished_at, '["' || repeat('x', 100000) || '"]'
            FROM processing_job job JOIN processing_accountlog log USING (owner_id), generate_series(1, 400) n
            WHERE job.id = %s::uuid
        ), further AS (
            UPDATE processing_accountlog log SET position = position + 400
            FROM processing_job job WHERE job.id = %s::uuid AND log.owner_id = job.owner_id
        )
        UPDATE processing_job SET seq = seq + 400 WHERE id = %s::uuid RETURNING 1
        """,
        job_id,
        job_id,
        job_id,
    )


def everything(raw: socket.socket) -> bytes:
    """All that comes until the other side hangs up, which it must; its last two megabytes."""
    end = b""
    with raw, suppress(ConnectionError):
        while piece := raw.recv(2**20):
            end = (end + piece)[-(2**21) :]
    return end


def unread_socket(stack: Stack, path: str) -> socket.socket:
    """An open WebSocket of which nobody reads."""
    raw = socket.create_connection(("127.0.0.1", stack.port), timeout=30)
    raw.sendall(
        f"GET {path} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Authorization: Bearer {stack.token}\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n".encode()
    )
    return raw


@pytest.mark.slow
@pytest.mark.parametrize("count", [500, 2000])
async def test_hundreds_of_sockets_all_end_with_the_same_picture(own_stack: Stack, count: int) -> None:
    headers = {"Authorization": f"Bearer {own_stack.token}"}
    with client_of(own_stack) as api:
        job_id = await asyncio.to_thread(batch, api, pictures(300))

        async def follow(late: float) -> tuple[int, str, list[str]]:
            await asyncio.sleep(late)
            told: list[str] = []
            seq = 0
            url = address(own_stack, f"/ws/jobs/{job_id}/?since=0")
            async with connect(url, additional_headers=headers, max_size=2**24, open_timeout=60) as opened:
                async for text in opened:
                    frame = read(text)
                    assert frame["seq"] == seq + 1
                    seq = frame["seq"]
                    told += [image["id"] for image in frame.get("images", ())]
                    if frame["type"] == "job.finished":
                        return seq, frame["job"]["status"], sorted(told)
            raise AssertionError("closed before the end")

        ends = await asyncio.gather(*(follow(n / 100) for n in range(count)))
        await asyncio.to_thread(assert_nothing_lost, api, own_stack, job_id, 300)
    assert {(seq, status) for seq, status, _ in ends} == {(ends[0][0], "completed")}
    assert all(told == ends[0][2] for _, _, told in ends)
    assert len(ends[0][2]) == 300


def read(text: str | bytes) -> dict[str, Any]:
    return httpx.Response(200, content=text).json()


@pytest.mark.slow
def test_told_to_stop_under_load_it_loses_nothing_it_accepted(tmp_path: Path) -> None:
    accepted: list[str] = []
    over = threading.Event()

    def load(stack: Stack) -> None:
        with client_of(stack) as api:
            while not over.is_set():
                with suppress(httpx.HTTPError):
                    answer = api.batch(pictures(10, 600, 400))
                    if answer.status_code == 202:
                        accepted.append(answer.json()["job_id"])

    with Stack(tmp_path / "home") as stack:
        senders = [threading.Thread(target=load, args=(stack,)) for _ in range(3)]
        for sender in senders:
            sender.start()
        while len(accepted) < 8:
            time.sleep(0.05)
        assert stack.stop() == 0  # within 20 s, nothing left running
        over.set()
        for sender in senders:
            sender.join()
        assert leftovers_of(stack.home) == []
        stack.start()
        with client_of(stack) as api:
            for job_id in accepted:
                assert_nothing_lost(api, stack, job_id, 10)
        assert leftovers(stack) == []


def leftovers_of(home: Path) -> list[Path]:
    return [path for path in (home / "media" / "incoming").glob("*") if path.is_file()]


@pytest.mark.slow
def test_twenty_large_uploads_at_once_take_no_memory(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """50 MB each: refused files as large as that are received all the same, and accepted ones too."""
    size = 50 * 2**20
    with Stack(tmp_path / "home") as stack:
        allow_large_files(stack)
        server = web(stack)
        with client_of(stack) as api:
            batch(api, pictures(2))
        base = server.memory_info().rss
        peak = Peak(server)
        with peak:
            senders = [threading.Thread(target=send_large, args=(stack, n, size)) for n in range(20)]
            for sender in senders:
                sender.start()
            for sender in senders:
                sender.join()
        with capsys.disabled():
            print(
                f"\nweb process: {base / 2**20:.0f} MB before, {peak.rss / 2**20:.0f} MB at most", flush=True
            )
        assert peak.rss - base < 100 * 2**20
        assert execute(stack, "SELECT count(*) FROM processing_image WHERE size > %s", size) == [(20,)]


class Peak(threading.Thread):
    """The largest resident memory of a process while the block runs."""

    def __init__(self, process: psutil.Process) -> None:
        super().__init__(daemon=True)
        self.process = process
        self.rss = process.memory_info().rss
        self.over = threading.Event()

    def run(self) -> None:
        while not self.over.wait(0.05):
            self.rss = max(self.rss, self.process.memory_info().rss)

    def __enter__(self) -> Peak:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.over.set()
        self.join()


def allow_large_files(stack: Stack) -> None:
    execute(
        stack,
        "WITH wider AS (UPDATE processing_plan SET max_file_bytes = 2^30 RETURNING 1) SELECT * FROM wider",
    )


def send_large(stack: Stack, number: int, size: int) -> None:
    data = photo(next(SEEDS), 60, 40) + number.to_bytes(4) + bytes(size)
    with client_of(stack, timeout=300) as api:
        assert api.batch([("large.jpg", data)]).status_code == 202
