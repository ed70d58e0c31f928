"""The service with its media in S3, while the S3 server is well, ill, slow, and dead."""

from __future__ import annotations

import hashlib
import itertools
import random
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.drawing import photo
from tests.object_server import FaultProxy, ObjectServer, environ, object_server
from tests.serving import web_server
from tests.stack import Stack
from tests.uploads.resumable.clients import Tus

pytestmark = pytest.mark.timeout(500)
World = tuple[Stack, ObjectServer, FaultProxy]
_seeds = itertools.count(5000)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("s3")
    with (
        object_server(folder / "objects") as (server, proxy),
        Stack(folder / "home", environ(proxy)) as stack,
    ):
        yield stack, server, proxy


@pytest.fixture(autouse=True)
def well(world: World) -> Iterator[None]:
    yield
    _, server, proxy = world
    proxy.fault = lambda *_: None
    if server.process is None or server.process.poll() is not None:
        server.start()


def pictures(count: int) -> list[tuple[str, tuple[str, bytes]]]:
    return [("images", (f"{n}.jpg", photo(next(_seeds), 240, 160))) for n in range(count)]


def upload(stack: Stack, count: int) -> httpx.Response:
    return httpx.post(f"{stack.url}/api/async/batch/upload", files=pictures(count), timeout=300)


def finished(stack: Stack, job: str, seconds: float = 100) -> dict[str, Any]:
    end, since = time.monotonic() + seconds, 0
    while time.monotonic() < end:
        told = httpx.get(f"{stack.url}/api/jobs/{job}/events?since={since}&wait=20", timeout=40).json()
        since = told["seq"]
        if any(event["type"] == "job.finished" for event in told["events"]):
            return httpx.get(f"{stack.url}/api/jobs/{job}").json()
    raise AssertionError((httpx.get(f"{stack.url}/api/jobs/{job}").json(), stack.output[-5000:]))


def check_bytes(stack: Stack, job: str) -> None:
    """Every image's original and renditions can be read."""
    images = httpx.get(f"{stack.url}/api/jobs/{job}/images?limit=1000").json()["results"]
    with httpx.Client(base_url=stack.url, timeout=60) as client:
        for image in images:
            assert image["status"] == "completed", image
            original = client.get(image["original_url"])
            assert (original.status_code, len(original.content)) == (200, image["size"])
            for rendition in image["renditions"]:
                answer = client.get(rendition["url"])
                assert (answer.status_code, len(answer.content)) == (200, rendition["size"])
                assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
                assert answer.headers["ETag"]


def test_a_job_end_to_end(world: World) -> None:
    stack, server, _ = world
    answer = upload(stack, 10)
    assert answer.status_code == 202, answer.text
    assert finished(stack, answer.json()["job_id"])["status"] == "completed"
    check_bytes(stack, answer.json()["job_id"])
    assert len(server.objects("originals")) >= 10
    assert len(server.objects("renditions")) >= 30
    media = stack.home / "media"
    assert not (media / "originals").exists()
    assert not (media / "renditions").exists()
    assert list((media / "incoming").iterdir()) == []


def test_an_upload_goes_on_at_a_machine_that_shares_no_disk(world: World, tmp_path: Path) -> None:
    stack, server, proxy = world
    picture = photo(next(_seeds), 640, 480) + random.Random(1).randbytes(20_000_000)
    cuts = [0, 100, 9_000_000, 9_000_050, 19_000_000, len(picture)]
    with (
        web_server(stack, IMAGEAPI_HOME=str(tmp_path / "other"), **environ(proxy)) as second,
        httpx.Client(base_url=stack.url, timeout=60) as here,
        httpx.Client(base_url=second, timeout=60) as there,
    ):
        url, ended = (Tus(here).created(len(picture)) for _ in range(2))
        Tus(here).patch(ended, 0, picture[:500])
        for number, (start, end) in enumerate(pairwise(cuts)):
            answer = Tus(there if number % 2 else here).patch(url, start, picture[start:end])
            assert answer.status_code == 204, answer.text
        assert len(server.objects("originals/resumable")) == 1
        assert Tus(there).delete(ended).status_code == 204
    job = answer.headers["Content-Location"].rpartition("/")[2]
    assert finished(stack, job)["status"] == "completed"
    check_bytes(stack, job)
    (image,) = httpx.get(f"{stack.url}/api/jobs/{job}/images").json()["results"]
    assert image["checksum"] == f"sha256:{hashlib.sha256(picture).hexdigest()}"
    assert server.objects("originals/resumable") == []
    for home in (stack.home, tmp_path / "other"):
        assert list((home / "media" / "resumable").iterdir()) == []


def test_a_hundred_images_while_one_request_in_five_fails(world: World) -> None:
    stack, _, proxy = world
    kinds = itertools.cycle(["500", "503", "drop", "cut"])
    before = proxy.faults
    proxy.fault = lambda number, *_: next(kinds) if number % 5 == 0 else None
    answer = upload(stack, 100)
    assert answer.status_code == 202, answer.text
    done = finished(stack, answer.json()["job_id"])
    assert (done["status"], done["completed"]) == ("completed", 100)
    check_bytes(stack, answer.json()["job_id"])
    assert proxy.faults - before > 80


def test_a_single_upload_and_its_delivery_through_a_slow_server(world: World) -> None:
    stack, _, proxy = world
    proxy.fault = lambda number, *_: "slow" if number % 4 == 0 else None
    data = photo(next(_seeds), 240, 160)
    answer = httpx.post(f"{stack.url}/api/upload", files={"image": ("a.jpg", data)}, timeout=60)
    assert answer.status_code == 200, answer.text
    check_bytes(stack, answer.json()["job_id"])


def test_a_dead_server_takes_nothing_in_and_loses_nothing(world: World) -> None:
    stack, server, proxy = world
    held = {"now": True}

    def dead_for_renditions(_number: int, method: str, path: str) -> str | None:
        return "503" if held["now"] and method == "PUT" and "/renditions/" in path else None

    proxy.fault = dead_for_renditions
    answer = upload(stack, 6)
    assert answer.status_code == 202, answer.text
    job = answer.json()["job_id"]
    server.kill()
    refused = upload(stack, 2)
    assert refused.status_code == 503, refused.text
    assert refused.json()["code"] == "storage_unavailable"
    assert refused.headers["Retry-After"]
    assert (
        httpx.get(f"{stack.url}/healthz/ready", timeout=60).json()["checks"]["storage"].startswith("failed")
    )
    held["now"] = False
    server.start()
    assert finished(stack, job)["status"] == "completed"
    check_bytes(stack, job)
    assert list((stack.home / "media" / "incoming").iterdir()) == []


def test_a_missing_object_fails_its_image_alone(world: World) -> None:
    stack, server, proxy = world
    proxy.fault = lambda _number, method, path: "503" if method == "GET" and "/originals/" in path else None
    known = set(server.objects("originals"))
    answer = upload(stack, 3)
    assert answer.status_code == 202
    new = sorted(set(server.objects("originals")) - known)
    server.delete(new[0])
    proxy.fault = lambda *_: None
    job = finished(stack, answer.json()["job_id"])
    assert (job["status"], job["completed"], job["failed"]) == ("partial", 2, 1)
    url = f"{stack.url}/api/jobs/{job['id']}/images?status=failed"
    assert httpx.get(url).json()["results"][0]["error"]["code"] == "original_missing"
