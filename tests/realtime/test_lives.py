"""However a socket's life ends, it leaves nothing behind, and its client is told what fits."""

from __future__ import annotations

import asyncio
import signal
import subprocess
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from realtime.admission import admissions
from realtime.hub import hub
from realtime.places import places
from realtime.socket import SOCKETS, Socket
from tests.realtime.test_sockets import heard
from tests.serving import started
from tests.stack import Stack

OWNER = 4242


class _Owner:
    id = OWNER


class _Held:
    """A credential that always holds."""

    def revoked(self, among: Any) -> set[Any]:
        return set()


class _Dies(Socket):
    async def admitted(self, owner_id: int) -> None:
        raise RuntimeError("a fault nobody foresaw")


class _Stays(Socket):
    async def admitted(self, owner_id: int) -> None:
        await self.tell({"type": "connection"})


Receive = Callable[[], Awaitable[dict[str, Any]]]


def _saying(*messages: dict[str, Any]) -> Receive:
    said = iter(messages)

    async def receive() -> dict[str, Any]:
        message = next(said, None)
        if message is None:
            await asyncio.Event().wait()
        assert message is not None
        return message

    return receive


async def _send(_message: dict[str, Any]) -> None:
    pass


def _left(kind: type[Socket]) -> tuple[Any, ...]:
    number = SOCKETS.labels(kind.__name__)._value.get()
    return (places._taken[OWNER], number, OWNER in hub._followers, len(admissions._ends))


SCOPE = {"type": "websocket", "user": _Owner(), "credential": _Held(), "subprotocols": []}
CONNECT = {"type": "websocket.connect"}


async def test_a_socket_that_dies_of_an_exception_leaves_nothing() -> None:
    before = _left(_Dies)
    with pytest.raises(RuntimeError):
        await _Dies()(dict(SCOPE), _saying(CONNECT), _send)
    assert _left(_Dies) == before


async def test_a_socket_that_is_cancelled_leaves_nothing() -> None:
    before = _left(_Stays)
    life = asyncio.create_task(_Stays()(dict(SCOPE), _saying(CONNECT), _send))
    await asyncio.sleep(0.05)
    assert places._taken[OWNER] == 1
    life.cancel()
    await asyncio.gather(life, return_exceptions=True)
    assert _left(_Stays) == before


async def test_one_that_was_ended_does_nothing_until_its_client_notices() -> None:
    class Acts(_Stays):
        acted = False

        async def on_frame(self, frame: dict[str, Any]) -> None:
            Acts.acted = True

    before = _left(Acts)
    socket = Acts()
    frame = {"type": "websocket.receive", "text": '{"type": "delete"}'}
    life = asyncio.create_task(socket(dict(SCOPE), _saying(CONNECT), _send))
    await asyncio.sleep(0.05)
    await socket.end(4401)
    assert _left(Acts) == before
    await socket.dispatch(frame)
    assert not Acts.acted
    life.cancel()
    await asyncio.gather(life, return_exceptions=True)


async def test_a_server_that_stops_tells_its_sockets_to_come_back(stack: Stack) -> None:
    headers = {"Authorization": f"Bearer {stack.token}"}
    with started(stack) as (url, process):
        async with connect(url.replace("http", "ws") + "/ws/upload/", additional_headers=headers) as opened:
            await heard(opened)
            process.send_signal(signal.SIGTERM)
            with pytest.raises(ConnectionClosed) as closed:
                await asyncio.wait_for(opened.recv(), 20)
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == 1012
        assert await asyncio.to_thread(_ended, process) == 0


def _ended(process: subprocess.Popen[bytes]) -> int:
    return process.wait(30)


async def test_without_a_database_a_socket_is_told_to_try_again_later(stack: Stack) -> None:
    headers = {"Authorization": f"Bearer {stack.token}"}
    nowhere = "postgresql://nobody@127.0.0.1:1/nothing"
    with started(stack, DATABASE_URL=nowhere) as (url, _):
        async with connect(url.replace("http", "ws") + "/ws/upload/", additional_headers=headers) as opened:
            with pytest.raises(ConnectionClosed) as closed:
                await asyncio.wait_for(opened.recv(), 20)
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == 1013
