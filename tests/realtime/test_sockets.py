"""The sockets, through the real service."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

import httpx
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from tests.api import Api
from tests.e2e.test_upload import fresh
from tests.stack import Stack


@asynccontextmanager
async def socket(stack: Stack, path: str, **kwargs: Any) -> AsyncIterator[ClientConnection]:
    kwargs.setdefault("additional_headers", {"Authorization": f"Bearer {stack.token}"})
    async with connect(f"ws://127.0.0.1:{stack.port}{path}", max_size=2**22, **kwargs) as opened:
        yield opened


async def heard(opened: ClientConnection, seconds: float = 30) -> dict[str, Any]:
    return json.loads(await asyncio.wait_for(opened.recv(), seconds))


async def close_code(opened: ClientConnection) -> int:
    try:
        while True:
            await asyncio.wait_for(opened.recv(), 10)
    except ConnectionClosed as closed:
        return closed.rcvd.code if closed.rcvd else 1006


async def uploaded(api: Api, count: int, **kwargs: Any) -> str:
    files = [(f"{n}.jpg", fresh(200, 150)) for n in range(count)]
    answer = await asyncio.to_thread(api.batch, files, **kwargs)
    return str(answer.json()["job_id"])


class Picture:
    """What a client knows of a job from the frames it heard."""

    def __init__(self) -> None:
        self.seq = 0
        self.job: dict[str, Any] = {}
        self.images: dict[str, str] = {}
        self.heard: list[int] = []
        self.finished = 0
        self.done = False

    def take(self, frame: dict[str, Any]) -> None:
        if frame["type"] != "job.snapshot":
            assert frame["seq"] == self.seq + 1, f"a gap after {self.seq}: {frame['seq']}"
            self.heard.append(frame["seq"])
        self.seq, self.job = frame["seq"], frame["job"]
        self.images.update({image["id"]: image["status"] for image in frame.get("images", [])})
        self.finished += frame["type"] == "job.finished"
        # After the last image's progress there is one more event; a snapshot of a finished job has all.
        self.done = bool(self.job["finished_at"]) and frame["type"] != "job.progress"


async def follow(stack: Stack, job_id: str, picture: Picture, *, drop: random.Random | None = None) -> None:
    """Follows the job to its end, from where `picture` is; with `drop` the socket is cut now and then."""
    while not picture.done:
        since = f"?since={picture.seq}" if picture.job else ""
        async with socket(stack, f"/ws/jobs/{job_id}/{since}") as opened:
            for _ in range(drop.randint(0, 3) if drop else 10**6):
                try:
                    picture.take(await heard(opened, 0.3 if drop else 30))
                except TimeoutError:
                    break
                if picture.done:
                    break


async def truth(api: Api, job_id: str) -> tuple[dict[str, Any], dict[str, str]]:
    job = await asyncio.to_thread(api.finished, job_id)
    images = await asyncio.to_thread(api.images, job_id)
    return job, {image["id"]: image["status"] for image in images}


async def test_a_job_is_told_from_snapshot_to_finish(stack: Stack, api: Api) -> None:
    job_id = await uploaded(api, 40)
    picture = Picture()
    await follow(stack, job_id, picture)
    assert (picture.job, picture.images) == await truth(api, job_id)
    assert picture.job["completed"] == 40


async def test_who_comes_late_gets_the_same_picture_at_once(stack: Stack, api: Api) -> None:
    job_id = await uploaded(api, 10)
    job, images = await truth(api, job_id)
    async with socket(stack, f"/ws/jobs/{job_id}/") as opened:
        frame = await heard(opened)
    assert frame["type"] == "job.snapshot"
    assert frame["seq"] == job["seq"]
    assert frame["job"] == job
    assert {image["id"]: image["status"] for image in frame["images"]} == images
    assert [image["index"] for image in frame["images"]] == list(range(10))


async def test_with_since_every_event_after_it_comes_again_word_for_word(stack: Stack, api: Api) -> None:
    job_id = await uploaded(api, 10)
    job, _ = await truth(api, job_id)
    log = await asyncio.to_thread(api.events, job_id)
    for since in range(job["seq"]):
        async with socket(stack, f"/ws/jobs/{job_id}/?since={since}") as opened:
            frames = [await heard(opened) for _ in range(job["seq"] - since)]
        assert frames == log[since:]


async def test_a_since_from_another_world_gets_a_snapshot(stack: Stack, api: Api) -> None:
    job_id = await uploaded(api, 1)
    await truth(api, job_id)
    async with socket(stack, f"/ws/jobs/{job_id}/?since=99999") as opened:
        assert (await heard(opened))["type"] == "job.snapshot"
    async with socket(stack, f"/ws/jobs/{job_id}/?since=NaN") as opened:
        assert (await heard(opened))["code"] == "invalid"
        assert (await heard(opened))["type"] == "job.snapshot"


@pytest.mark.parametrize("seed", range(3))
async def test_a_socket_dropped_at_random_moments_ends_with_the_same_picture(
    stack: Stack, api: Api, seed: int
) -> None:
    job_id = await uploaded(api, 60)
    steady, dropped = Picture(), Picture()
    await asyncio.gather(
        follow(stack, job_id, steady), follow(stack, job_id, dropped, drop=random.Random(seed))
    )
    job, images = await truth(api, job_id)
    assert (steady.job, steady.images) == (job, images)
    assert (dropped.job, dropped.images) == (job, images)
    assert steady.finished == 1
    assert dropped.heard == sorted(set(dropped.heard))


async def test_the_upload_socket_greets_and_tells_of_every_image(stack: Stack, api: Api) -> None:
    async with socket(stack, "/ws/upload/") as opened:
        assert await heard(opened) == {
            "type": "connection",
            "status": "ok",
            "message": "You are connected!",
        }
        job_id = await uploaded(api, 12)
        told = [await heard(opened) for _ in range(12)]
    images = {image["id"]: image for image in await asyncio.to_thread(api.images, job_id)}
    assert {frame["image_id"] for frame in told} == images.keys()
    for frame in told:
        image = images[frame["image_id"]]
        assert frame == {
            "type": "send_upload_notification",
            "job_id": job_id,
            "image_id": image["id"],
            "name": image["name"],
            "size": image["size"],
            "status": "completed",
            "image": image["renditions"][0]["url"],
            "error": None,
        }


async def test_what_a_socket_shows_is_already_committed(stack: Stack, api: Api) -> None:
    async with socket(stack, "/ws/upload/") as opened:
        await heard(opened)
        await uploaded(api, 5)
        for _ in range(5):
            frame = await heard(opened)
            image = api.client.get(f"/api/images/{frame['image_id']}").json()
            assert image["status"] == frame["status"]


async def test_another_accounts_images_are_not_heard(stack: Stack, api: Api) -> None:
    async with socket(stack, "/ws/upload/", additional_headers={}) as anonymous:
        await heard(anonymous)
        await truth(api, await uploaded(api, 2))
        with pytest.raises(TimeoutError):
            await heard(anonymous, 1)


async def test_the_token_may_come_as_a_subprotocol(stack: Stack, api: Api) -> None:
    job_id = await uploaded(api, 1)
    offered = ["imageapi", f"bearer.{stack.token}"]
    async with socket(stack, f"/ws/jobs/{job_id}/", subprotocols=offered, additional_headers={}) as opened:
        assert opened.subprotocol == "imageapi"
        assert (await heard(opened))["type"] == "job.snapshot"


async def test_a_socket_without_credentials_is_told_so(stack: Stack) -> None:
    async with socket(stack, "/ws/upload/", additional_headers={"Authorization": "Bearer no"}) as opened:
        assert await close_code(opened) == 4401


async def test_a_job_that_is_not_yours_or_nobodys_is_not_shown(stack: Stack, api: Api) -> None:
    job_id = await uploaded(api, 1)
    for path, headers in (
        (f"/ws/jobs/{job_id}/", {}),
        (f"/ws/jobs/{uuid4()}/", None),
        ("/ws/nowhere/", None),
    ):
        kwargs = {} if headers is None else {"additional_headers": headers}
        async with socket(stack, path, **kwargs) as opened:
            assert await close_code(opened) == 4404


@pytest.mark.parametrize("frame", ["not json", "[]", "1", '{"type": 1}', "{}", "[" * 5000, b"\x00"])
async def test_a_bad_frame_is_answered_and_the_socket_lives_on(stack: Stack, frame: str | bytes) -> None:
    async with socket(stack, "/ws/upload/") as opened:
        await heard(opened)
        await opened.send(frame)
        answer = await heard(opened)
        assert (answer["type"], answer["code"]) == ("error", "bad_frame")
        await opened.send('{"type": "hello"}')
        assert (await heard(opened))["code"] == "unknown_type"


async def test_a_frame_too_large_closes_with_1009(stack: Stack) -> None:
    async with socket(stack, "/ws/upload/") as opened:
        await heard(opened)
        await opened.send("x" * 1_000_000)
        assert await close_code(opened) == 1009


async def test_too_many_frames_close_with_4429(stack: Stack) -> None:
    async with socket(stack, "/ws/upload/") as opened:
        await heard(opened)
        try:
            for _ in range(1000):
                await opened.send("{}")
        except ConnectionClosed:
            pass
        assert await close_code(opened) == 4429


async def test_the_log_over_http_has_the_very_frames_of_the_socket(stack: Stack, api: Api) -> None:
    job_id = await uploaded(api, 8)
    frames: list[dict[str, Any]] = []
    async with socket(stack, f"/ws/jobs/{job_id}/?since=0") as opened:
        while not frames or frames[-1]["type"] != "job.finished":
            frames.append(await heard(opened))
    assert frames == await asyncio.to_thread(api.events, job_id)
    answer = httpx.get(f"{stack.url}/api/jobs/{job_id}/events")
    assert answer.status_code == 404  # the anonymous account's question
