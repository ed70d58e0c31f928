"""A canvas, from the request to its last pixel, on the real service."""

from __future__ import annotations

import asyncio
import hashlib
import json
from typing import Any

import numpy as np
import pytest
from websockets.asyncio.client import connect

from processing.imaging.canvas.canvas import WHITE, Canvas
from processing.jobs.canvases import Asked
from tests.api import Api
from tests.drawing import decoded, photo
from tests.stack import Stack


def started(api: Api, **asked: Any) -> str:
    answer = api.client.post("/api/canvas", json=asked)
    assert answer.status_code == 202, answer.text
    assert answer.headers["Location"] == f"/api/jobs/{answer.json()['id']}"
    return str(answer.json()["id"])


def original(api: Api, image: dict[str, Any]) -> bytes:
    answer = api.client.get(image["original_url"])
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "image/png"
    return answer.content


def colors(data: bytes) -> np.ndarray:
    pixels = np.asarray(decoded(data).convert("RGB"))
    return (pixels.astype(np.uint32) @ np.array([1 << 16, 1 << 8, 1], np.uint32)).ravel()


@pytest.mark.parametrize(
    ("width", "height", "granular"), [(5, 5, 1), (56, 56, 30), (300, 200, 25), (1, 1, 50)]
)
def test_its_snapshots_fill_it_until_every_pixel_has_its_own_colour(
    api: Api, width: int, height: int, granular: int
) -> None:
    job_id = started(api, width=width, height=height, granular=granular)
    percents = sorted({*range(granular, 100, granular), 100})
    job = api.finished(job_id)
    assert (job["kind"], job["status"]) == ("canvas", "completed")
    assert job["completed"] == job["total"] == len(percents)
    images = api.images(job_id)
    assert [image["name"] for image in images] == [f"myImg_{percent}.png" for percent in percents]
    assert [image["index"] for image in images] == list(range(len(percents)))
    before = np.full(width * height, WHITE)
    for image, percent in zip(images, percents, strict=True):
        data = original(api, image)
        assert (len(data), f"sha256:{hashlib.sha256(data).hexdigest()}") == (image["size"], image["checksum"])
        now = colors(data)
        assert (now != WHITE).sum() == -(-width * height * percent // 100)
        assert np.array_equal(now[before != WHITE], before[before != WHITE])
        before = now
    assert np.unique(before).size == width * height
    assert WHITE not in before


def test_a_snapshot_is_an_image_like_any_other(api: Api) -> None:
    job_id = started(api, width=600, height=500, granular=100)
    api.finished(job_id)
    [image] = api.images(job_id)
    assert (image["content_type"], image["width"], image["height"]) == ("image/png", 600, 500)
    shapes = {r["name"]: (r["width"], r["height"]) for r in image["renditions"]}
    assert shapes == {"web": (600, 500), "thumbnail-200": (240, 200), "thumbnail-400": (480, 400)}
    for rendition in image["renditions"]:
        assert decoded(api.client.get(rendition["url"]).content).size == (
            rendition["width"],
            rendition["height"],
        )
    assert image["colors"]
    assert image["placeholder"]
    assert image["id"] in [listed["id"] for listed in api.client.get("/api/list").json()]
    assert api.client.delete(f"/api/images/{image['id']}").status_code == 204


def test_the_largest_canvas_has_every_colour_once(api: Api) -> None:
    job_id = started(api, width=4096, height=4096, granular=100)
    assert api.finished(job_id)["status"] == "completed"
    [image] = api.images(job_id)
    counts = np.bincount(colors(original(api, image)), minlength=1 << 24)
    assert np.array_equal(counts, np.ones(1 << 24, counts.dtype))


async def frames_of(stack: Stack, job_id: str) -> list[dict[str, Any]]:
    """All that the job's socket says, from its first event until it is finished."""
    frames: list[dict[str, Any]] = []
    url = f"ws://127.0.0.1:{stack.port}/ws/jobs/{job_id}/?since=0"
    async with connect(url, additional_headers={"Authorization": f"Bearer {stack.token}"}) as socket:
        while not frames or frames[-1]["type"] != "job.finished":
            frames.append(json.loads(await asyncio.wait_for(socket.recv(), 30)))
    return frames


async def test_the_progress_pushed_is_monotonic_and_one_snapshot_at_a_time(stack: Stack, api: Api) -> None:
    job_id = await asyncio.to_thread(started, api, width=200, height=100, granular=2)
    frames = await frames_of(stack, job_id)
    assert [frame["type"] for frame in frames] == ["job.progress"] * 50 + ["job.finished"]
    assert [frame["seq"] for frame in frames] == list(range(1, 52))
    assert [frame["job"]["completed"] for frame in frames] == [*range(1, 51), 50]
    shown = [image["name"] for frame in frames[:-1] for image in frame["images"]]
    assert shown == [f"myImg_{percent}.png" for percent in range(2, 101, 2)]
    assert all(image["renditions"] for frame in frames[:-1] for image in frame["images"])


def test_what_has_not_started_is_cancelled(api: Api) -> None:
    job_id = started(api, width=2000, height=2000, granular=1)
    api.client.get(f"/api/jobs/{job_id}/events", params={"since": 0, "wait": 30})
    assert api.client.post(f"/api/jobs/{job_id}/cancel").status_code == 202
    job = api.finished(job_id)
    assert job["status"] == "aborted"
    assert job["completed"] >= 1
    assert job["completed"] + job["aborted"] == job["total"] == 100
    statuses = [image["status"] for image in api.images(job_id)]
    assert statuses == ["completed"] * job["completed"] + ["aborted"] * job["aborted"]
    assert [event["type"] for event in api.events(job_id)].count("job.finished") == 1


def test_nobody_waits_for_a_long_canvas_to_end(api: Api) -> None:
    job_id = started(api, width=3000, height=3000, granular=1)
    batch = api.batch([(f"{n}.jpg", photo(910_000 + n, 300, 200)) for n in range(10)]).json()["job_id"]
    assert api.upload(("a.jpg", photo(910_100, 300, 200))).status_code == 200
    assert api.finished(batch)["status"] == "completed"
    assert api.job(job_id)["finished_at"] is None
    api.client.post(f"/api/jobs/{job_id}/cancel")
    api.finished(job_id)


def test_the_same_seed_draws_the_same_canvas_and_without_one_each_is_another(api: Api) -> None:
    asked = {"width": 40, "height": 30, "granular": 100}
    jobs = [
        started(api, **asked, seed=7),
        started(api, **asked, seed=7),
        started(api, **asked),
        started(api, **asked),
    ]
    checksums = []
    for job_id in jobs:
        api.finished(job_id)
        checksums.append(api.images(job_id)[0]["checksum"])
    assert checksums[0] == checksums[1]
    assert len(set(checksums)) == 3


def test_the_seed_decides_every_pixel(api: Api) -> None:
    job_id = started(api, width=40, height=30, granular=50, seed=7)
    api.finished(job_id)
    expected = np.concatenate(list(Canvas(40, 30, 7).bands(600)))
    assert np.array_equal(np.asarray(decoded(original(api, api.images(job_id)[0]))), expected)


def test_a_request_sent_again_with_its_key_starts_nothing(api: Api) -> None:
    asked = {"width": 10, "height": 10, "granular": 50}
    key = {"Idempotency-Key": "canvas-1"}
    first = api.client.post("/api/canvas", json=asked, headers=key)
    again = api.client.post("/api/canvas", json=asked, headers=key)
    other = api.client.post("/api/canvas", json={**asked, "width": 11}, headers=key)
    assert (first.status_code, again.status_code, other.status_code) == (202, 202, 422)
    assert first.json()["id"] == again.json()["id"]
    assert other.json()["code"] == "idempotency_key_reused"
    api.finished(first.json()["id"])


GOOD = {"width": 10, "height": 10, "granular": 10}


@pytest.mark.parametrize(
    ("body", "attr"),
    [
        ({**GOOD, "width": 0}, "width"),
        ({**GOOD, "width": 4097}, "width"),
        ({**GOOD, "height": 0}, "height"),
        ({**GOOD, "height": 4097}, "height"),
        ({**GOOD, "granular": 0}, "granular"),
        ({**GOOD, "granular": 101}, "granular"),
        ({**GOOD, "granular": -1}, "granular"),
        ({**GOOD, "width": 1.5}, "width"),
        ({**GOOD, "width": "wide"}, "width"),
        ({**GOOD, "width": None}, "width"),
        ({**GOOD, "width": True}, "width"),
        ({**GOOD, "width": [10]}, "width"),
        ({**GOOD, "width": 10**400}, "width"),
        ({**GOOD, "seed": -1}, "seed"),
        ({**GOOD, "seed": 2**63}, "seed"),
        ({**GOOD, "webhook_url": "no url"}, "webhook_url"),
        ({"height": 10, "granular": 10}, "width"),
        ({"width": 10, "granular": 10}, "height"),
        ({"width": 10, "height": 10}, "granular"),
        ([], None),
        ("x", None),
    ],
)
def test_a_bad_request_is_told_which_field_is_wrong(api: Api, body: Any, attr: str | None) -> None:
    answer = api.client.post("/api/canvas", json=body)
    assert answer.status_code == 400, answer.text
    assert answer.headers["Content-Type"] == "application/problem+json"
    if attr:
        assert [error["attr"] for error in answer.json()["errors"]] == [attr]


@pytest.mark.parametrize("path", ["/api/canvas", "/ping", "/pong/"])
def test_a_token_that_nobody_gave_opens_nothing(stack: Stack, api: Api, path: str) -> None:
    answer = api.client.post(path, json=GOOD, headers={"Authorization": "Bearer made-up"})
    assert (answer.status_code, answer.json()["code"]) == (401, "invalid_token")


def test_what_it_is_expected_to_take_is_about_what_it_takes(api: Api) -> None:
    job_id = started(api, width=500, height=400, granular=10)
    api.finished(job_id)
    taken = sum(image["size"] for image in api.images(job_id))
    assert 0.9 < taken / Asked(500, 400, 10, 1).expected_bytes() < 1.1


def test_a_form_starts_a_canvas_too(api: Api) -> None:
    answer = api.client.post("/api/canvas/", data={"width": "5", "height": "5", "granular": "100"})
    assert answer.status_code == 202
    api.finished(answer.json()["id"])
