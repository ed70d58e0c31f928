"""Whatever is killed, a canvas is drawn to its end."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import httpx
import numpy as np
import psutil
import pytest

from tests.api import Api
from tests.drawing import decoded
from tests.stack import Stack


@pytest.fixture(scope="module")
def own_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with Stack(tmp_path_factory.mktemp("canvas") / "home") as running:
        yield running


@pytest.fixture
def own_api(own_stack: Stack) -> Iterator[Api]:
    headers = {"Authorization": f"Bearer {own_stack.token}"}
    with httpx.Client(base_url=own_stack.url, headers=headers, timeout=60) as client:
        yield Api(client)


def workers(stack: Stack) -> list[psutil.Process]:
    """The main process of the worker that makes pixels, then its pool."""
    found = [p for p in stack.processes() if "upkeep,images,derive" in p.cmdline()]
    return sorted(found, key=lambda p: (p.parent() in found, p.pid))


def started(api: Api, side: int, granular: int) -> str:
    answer = api.client.post("/api/canvas", json={"width": side, "height": side, "granular": granular})
    assert answer.status_code == 202, answer.text
    return str(answer.json()["id"])


def under_way(api: Api, job_id: str) -> int:
    """Waits for the first snapshot; how many are done."""
    answer = api.client.get(f"/api/jobs/{job_id}/events", params={"since": 0, "wait": 30}).json()
    return int(answer["events"][-1]["job"]["completed"])


@pytest.mark.parametrize("from_", [0, 1], ids=["the whole worker", "its pool"])
def test_a_killed_worker_s_canvas_goes_on_from_its_last_snapshot(
    own_stack: Stack, own_api: Api, from_: int
) -> None:
    job_id = started(own_api, 1600, 10)
    done = under_way(own_api, job_id)
    before = own_api.images(job_id)[:done]
    for process in workers(own_stack)[from_:]:
        process.send_signal(signal.SIGKILL)
    job = own_api.finished(job_id, 90)
    assert (job["status"], job["completed"], job["total"]) == ("completed", 10, 10)
    assert done < 10
    images = own_api.images(job_id)
    assert images[:done] == before, "a finished snapshot was made again"
    events = own_api.events(job_id)
    assert [event["seq"] for event in events] == list(range(1, job["seq"] + 1))
    assert [event["type"] for event in events] == ["job.progress"] * 10 + ["job.finished"]
    told = [image["index"] for event in events for image in event.get("images", ())]
    assert told == list(range(10))
    pixels = np.asarray(decoded(own_api.client.get(images[-1]["original_url"]).content)).reshape(-1, 3)
    assert len(np.unique(pixels @ np.array([1 << 16, 1 << 8, 1]))) == 1600 * 1600
    assert not list((own_stack.home / "media" / "incoming").iterdir()), "a killed worker's file was left"


def test_a_snapshot_that_the_storage_did_not_take_is_drawn_again(own_stack: Stack, own_api: Api) -> None:
    incoming = own_stack.home / "media" / "incoming"
    incoming.mkdir(exist_ok=True)
    incoming.rmdir()
    incoming.write_text("a file where the folder should be")
    try:
        job_id = started(own_api, 50, 50)
        own_stack.wait_for(rf"job={job_id} code=storage_failed", 60)
    finally:
        incoming.unlink()
    job = own_api.finished(job_id, 90)
    assert (job["status"], job["completed"]) == ("completed", 2)
    assert [image["name"] for image in own_api.images(job_id)] == ["myImg_50.png", "myImg_100.png"]
