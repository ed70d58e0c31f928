"""A body on its way from the network to the application."""

from __future__ import annotations

import asyncio

import pytest

from imageapi.serving.inbox import Inbox


class Sender:
    """A connection that notes what is asked of it."""

    def __init__(self) -> None:
        self.asked = 0
        self.paused = False

    def ask(self) -> None:
        self.asked += 1

    def pause_body(self) -> None:
        self.paused = True

    def resume_body(self) -> None:
        self.paused = False


async def test_the_network_waits_for_an_application_that_does_not_ask() -> None:
    sender = Sender()
    inbox = Inbox(sender)
    inbox.feed(b"a" * 10_000)
    assert not sender.paused
    inbox.feed(b"b" * 60_000)
    assert sender.paused
    assert sender.asked == 0
    message = await inbox.get()
    assert (len(message["body"]), message["more_body"]) == (70_000, True)
    assert (sender.asked, sender.paused) == (1, False)


async def test_it_ends_with_the_body_and_then_waits_for_the_client_to_leave() -> None:
    inbox = Inbox(Sender())
    inbox.feed(b"all of it")
    inbox.end()
    assert await inbox.get() == {"type": "http.request", "body": b"all of it", "more_body": False}
    waiting = asyncio.ensure_future(inbox.get())
    await asyncio.sleep(0)
    assert not waiting.done()
    inbox.put_nowait({"type": "http.disconnect"})
    assert await waiting == {"type": "http.disconnect"}


async def test_what_came_before_a_broken_connection_is_handed_over_first() -> None:
    inbox = Inbox(Sender())
    inbox.feed(b"half of")
    inbox.leave()
    assert await inbox.get() == {"type": "http.request", "body": b"half of", "more_body": True}
    assert await inbox.get() == {"type": "http.disconnect"}
    assert await inbox.get() == {"type": "http.disconnect"}


async def test_many_small_pieces_come_as_few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("imageapi.serving.inbox._MOMENT", 60.0)
    inbox = Inbox(Sender())
    inbox.feed(b"a")
    getting = asyncio.ensure_future(inbox.get())
    for _ in range(10):
        await asyncio.sleep(0)
        inbox.feed(b"b" * 4096)
    message = await getting
    assert message["more_body"]
    assert len(message["body"]) >= 32 * 1024


async def test_a_request_without_a_body_has_an_empty_one() -> None:
    inbox = Inbox(Sender())
    inbox.end()
    assert await inbox.get() == {"type": "http.request", "body": b"", "more_body": False}
