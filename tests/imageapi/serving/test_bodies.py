"""Bodies that a view wants whole: counted as they come."""

from __future__ import annotations

import errno
import os
import tempfile
from collections.abc import Callable
from typing import Any

import pytest
from django.core.exceptions import RequestAborted

from imageapi.serving.bodies import collected, has_body
from imageapi.serving.threads import PooledASGIHandler
from uploads.intake.refusals import Refused

CHUNKED = [(b"transfer-encoding", b"chunked"), (b"content-type", b"application/json")]


def sending(*pieces: bytes, leaves: bool = False) -> Callable[[], Any]:
    """A `receive` that gives these pieces; at the end the body is whole, or the client has left."""
    left = list(pieces)

    async def receive() -> dict[str, Any]:
        if not left:
            return {"type": "http.disconnect"}
        return {"type": "http.request", "body": left.pop(0), "more_body": bool(left) or leaves}

    return receive


async def test_a_chunked_body_gets_the_length_that_django_asks_for() -> None:
    scope = {"headers": list(CHUNKED)}
    with await collected(scope, sending(b"[1,", b" 2]"), 100) as body:
        assert body.read() == b"[1, 2]"
    assert scope["headers"] == [(b"content-type", b"application/json"), (b"content-length", b"6")]


@pytest.mark.parametrize("headers", [CHUNKED, [(b"content-length", b"11")]])
async def test_more_than_is_allowed_is_refused(headers: list[tuple[bytes, bytes]]) -> None:
    with pytest.raises(Refused) as refused:
        await collected({"headers": list(headers)}, sending(b"123456", b"78901"), 10)
    assert (refused.value.status_code, refused.value.members["limit"]) == (413, 10)


async def test_a_client_that_leaves_ends_it() -> None:
    with pytest.raises(RequestAborted):
        await collected({"headers": list(CHUNKED)}, sending(b"half", leaves=True), 100)


@pytest.mark.parametrize(
    ("headers", "is_there"),
    [
        ([], False),
        ([(b"content-length", b"0")], False),
        ([(b"content-length", b"10")], True),
        (CHUNKED, True),
    ],
)
def test_a_body_is_announced(headers: list[tuple[bytes, bytes]], is_there: bool) -> None:
    assert has_body({"headers": headers}) is is_there


async def test_a_full_disk_under_a_large_body_is_507(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_args: object, **_kwargs: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(tempfile, "SpooledTemporaryFile", full)
    sent: list[dict[str, Any]] = []

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    scope = {"type": "http", "path": "/api/images/check", "headers": [(b"content-length", b"2")]}
    await PooledASGIHandler()(scope, sending(b"{}"), send)
    assert sent[0]["status"] == 507
