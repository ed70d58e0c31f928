"""Server-Sent Events, through the real service: the logs as streams, from any place, in order, once each."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import AsyncIterator
from typing import Any, NamedTuple

import httpx
import pytest

from tests.api import Api
from tests.database import execute
from tests.realtime.test_sockets import truth, uploaded
from tests.serving import web_server
from tests.stack import Stack

pytestmark = pytest.mark.timeout(300)
STREAM = {"Accept": "text/event-stream"}


class Message(NamedTuple):
    """One message of a stream; a comment has no frame."""

    id: int
    frame: dict[str, Any] | None


async def messages(client: httpx.AsyncClient, path: str, **headers: str) -> AsyncIterator[Message]:
    """What a stream says, read as WHATWG HTML, section 9.2.6 has it."""
    async with client.stream("GET", path, headers={**STREAM, **headers}) as answer:
        assert answer.status_code == 200, await answer.aread()
        assert answer.headers["Content-Type"] == "text/event-stream"
        assert answer.headers["Cache-Control"] == "no-store"
        place, data = 0, ""
        async for line in answer.aiter_lines():
            name, _, value = line.partition(": ")
            match name:
                case "id":
                    place = int(value)
                case "data":
                    data = value
                case "":
                    yield Message(place, json.loads(data) if data else None)
                    data = ""


async def frames(client: httpx.AsyncClient, path: str, **headers: str) -> AsyncIterator[Message]:
    async for message in messages(client, path, **headers):
        if message.frame:
            yield message


@pytest.fixture
async def client(stack: Stack) -> AsyncIterator[httpx.AsyncClient]:
    headers = {"Authorization": f"Bearer {stack.token}"}
    async with httpx.AsyncClient(base_url=stack.url, headers=headers, timeout=60) as opened:
        yield opened


async def test_a_jobs_stream_has_the_very_frames_of_its_log(
    stack: Stack, api: Api, client: httpx.AsyncClient
) -> None:
    job_id = await uploaded(api, 12)
    heard: list[Message] = []
    async for message in frames(client, f"/api/jobs/{job_id}/events"):
        heard.append(message)
        if message.frame and message.frame["type"] == "job.finished":
            break
    log = await asyncio.to_thread(api.events, job_id)
    assert [message.frame for message in heard] == log
    assert [message.id for message in heard] == [event["seq"] for event in log]


@pytest.mark.parametrize("how", ["header", "query"])
async def test_who_comes_back_hears_what_came_after(
    stack: Stack, api: Api, client: httpx.AsyncClient, how: str
) -> None:
    job_id = await uploaded(api, 5)
    job, _ = await truth(api, job_id)
    log = await asyncio.to_thread(api.events, job_id)
    since = job["seq"] - 1
    query = f"?since={since}" if how == "query" else "?since=0"
    last = {"Last-Event-ID": str(since)} if how == "header" else {}
    async for message in frames(client, f"/api/jobs/{job_id}/events{query}", **last):
        assert message.frame == log[-1]
        break


@pytest.mark.parametrize("seed", range(2))
async def test_the_accounts_stream_dropped_at_random_moments_has_every_event_once(
    stack: Stack, api: Api, client: httpx.AsyncClient, seed: int
) -> None:
    cut = random.Random(seed)
    start = (await client.get("/api/events")).json()["seq"]
    place, heard, unfinished = start, [], set()

    async def follow() -> None:
        nonlocal place
        while unfinished or len(heard) < 4:
            left = cut.randint(1, 4)
            async for message in frames(client, "/api/events", **{"Last-Event-ID": str(place)}):
                assert message.frame
                heard.append(message)
                place = message.id
                if message.frame["type"] == "job.finished":
                    unfinished.discard(message.frame["job"]["id"])
                left -= 1
                if not left or not unfinished:
                    break

    unfinished |= set(await asyncio.gather(*(uploaded(api, 15) for _ in range(4))))
    jobs = set(unfinished)
    await asyncio.wait_for(follow(), 120)
    assert [message.id for message in heard] == list(range(start + 1, place + 1))
    told = [
        image["id"]
        for message in heard
        for image in (message.frame or {}).get("images", [])
        if image["job_id"] in jobs
    ]
    assert len(told) == len(set(told)) == 60


async def test_events_that_are_gone_are_replaced_by_a_snapshot(
    stack: Stack, api: Api, client: httpx.AsyncClient
) -> None:
    job_id = await uploaded(api, 2)
    job, _ = await truth(api, job_id)
    execute(stack, "DELETE FROM processing_event WHERE job_id = %s AND seq = 1", job_id)
    async for message in frames(client, f"/api/jobs/{job_id}/events"):
        assert (message.id, message.frame and message.frame["type"]) == (job["seq"], "job.snapshot")
        break
    end = (await client.get("/api/events")).json()["seq"]
    for since in ("1", str(end + 10**6), "nonsense"):
        async for message in frames(client, "/api/events", **{"Last-Event-ID": since}):
            assert message.frame is not None
            assert (message.id, message.frame["type"]) == (end, "account.snapshot")
            assert message.frame["jobs"][0]["id"] == job_id
            break


async def test_the_accounts_log_is_there_as_json_too(
    stack: Stack, api: Api, client: httpx.AsyncClient
) -> None:
    start = (await client.get("/api/events")).json()
    assert start["events"] == []
    held = asyncio.create_task(client.get(f"/api/events?since={start['seq']}&wait=30"))
    job_id = await uploaded(api, 3)
    await truth(api, job_id)
    first = (await held).json()
    assert first["events"][0]["job"]["id"] == job_id
    log = (await client.get(f"/api/events?since={start['seq']}")).json()
    assert log["events"] == await asyncio.to_thread(api.events, job_id)
    assert log["seq"] == start["seq"] + len(log["events"])


async def test_another_accounts_stream_hears_nothing(stack: Stack, api: Api) -> None:
    async with httpx.AsyncClient(base_url=stack.url, timeout=30) as anonymous:
        job_id = await uploaded(api, 1)
        refused = await anonymous.get(f"/api/jobs/{job_id}/events", headers=STREAM)
        assert (refused.status_code, refused.headers["Content-Type"]) == (404, "application/problem+json")
        refused = await anonymous.get("/api/events", headers={**STREAM, "Authorization": "Bearer no"})
        assert refused.status_code == 401
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(anext(frames(anonymous, "/api/events")), 2)


async def test_streams_and_sockets_share_one_limit(stack: Stack) -> None:
    with web_server(stack, IMAGEAPI_SOCKETS_PER_ACCOUNT="1") as url:
        headers = {"Authorization": f"Bearer {stack.token}"}
        async with httpx.AsyncClient(base_url=url, headers=headers, timeout=30) as client:
            async with client.stream("GET", "/api/events", headers=STREAM) as first:
                assert first.status_code == 200
                second = await client.get("/api/events", headers=STREAM)
                assert (second.status_code, second.json()["code"]) == (429, "too_many_sockets")
                assert second.headers["Retry-After"] == "5"
            await _admitted(client)


async def _admitted(client: httpx.AsyncClient) -> None:
    """The place of a stream whose client has gone is free again, soon."""
    async with asyncio.timeout(20):
        while True:
            async with client.stream("GET", "/api/events", headers=STREAM) as again:
                if again.status_code == 200:
                    return
            await asyncio.sleep(0.2)


@pytest.mark.slow
async def test_a_quiet_stream_has_a_comment_every_fifteen_seconds(
    stack: Stack, client: httpx.AsyncClient
) -> None:
    comments = 0
    async with asyncio.timeout(50):
        async for message in messages(client, "/api/events"):
            comments += message.frame is None
            if comments == 3:  # one at its beginning
                return
