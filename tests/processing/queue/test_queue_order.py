"""What a worker takes first when both queues are full."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator

import httpx
import pytest

from tests.drawing import photo
from tests.stack import Stack

pytestmark = pytest.mark.timeout(300)
_seeds = itertools.count(9000)


@pytest.fixture
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
