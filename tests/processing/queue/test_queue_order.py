"""What a worker takes first when both queues are full."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator

import httpx
import pytest

from processing.models import Queue
from tests.administering import Administrator
from tests.drawing import photo
from tests.stack import Stack

pytestmark = pytest.mark.timeout(300)
_seeds = itertools.count(9000)


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with Stack(tmp_path_factory.mktemp("order") / "home", {"IMAGEAPI_WORKERS": "1"}) as stack:
        yield stack


def upload(stack: Stack, path: str, count: int) -> str:
    files = [("images", (f"{n}.jpg", photo(next(_seeds), 120, 80))) for n in range(count)]
    answer = httpx.post(f"{stack.url}/api/async/{path}", files=files, timeout=120)
    assert answer.status_code == 202
    return str(answer.json()["job_id"])


def finished(stack: Stack, job: str) -> list[str]:
    """When each image was finished."""
    end = time.monotonic() + 120
    while not httpx.get(f"{stack.url}/api/jobs/{job}").json()["finished_at"]:
        assert time.monotonic() < end
        httpx.get(f"{stack.url}/api/jobs/{job}/events?wait=5&since=100000", timeout=30)
    images = httpx.get(f"{stack.url}/api/jobs/{job}/images?limit=1000").json()["results"]
    return sorted(image["finished_at"] for image in images)


def test_interactive_is_drained_before_bulk(stack: Stack) -> None:
    worker = [p for p in stack.processes() if "upkeep,images,derive" in p.cmdline()]
    assert worker
    for process in worker:
        process.suspend()
    batch = upload(stack, "batch/upload", 240)
    single = upload(stack, "upload", 30)
    for process in worker:
        process.resume()
    last = finished(stack, single)[-1]
    early = sum(moment < last for moment in finished(stack, batch))
    # One chunk may have been taken before the worker was stopped; in turn it would be all.
    assert early <= 2 * 32


def test_a_class_and_an_account_wait_while_they_are_paused_in_the_admin(stack: Stack) -> None:
    with Administrator(stack) as admin:
        assert "1 paused" in admin.act("queuestate", "pause", Queue.BULK.value)
        waits = upload(stack, "batch/upload", 3)
        finished(stack, upload(stack, "upload", 3))
        assert httpx.get(f"{stack.url}/api/jobs/{waits}").json()["status"] == "pending"
        assert "1 resumed" in admin.act("queuestate", "resume", Queue.BULK.value)
        finished(stack, waits)

        user = admin.id_of("anonymous")
        assert "1 paused" in admin.act("user", "pause", user)
        waits = upload(stack, "upload", 2)
        with httpx.Client(base_url=stack.url, headers={"Authorization": f"Bearer {stack.token}"}) as other:
            file = {"image": ("a.jpg", photo(next(_seeds), 120, 80))}
            assert other.post("/api/upload", files=file, timeout=60).status_code == 200
        assert httpx.get(f"{stack.url}/api/jobs/{waits}").json()["status"] == "pending"
        assert "1 resumed" in admin.act("user", "resume", user)
        finished(stack, waits)
