"""Whatever is killed, nothing accepted is lost: the short selection of the fault table."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import psutil
import pytest
import redis

from imageapi import embedded
from tests.api import Api
from tests.drawing import photo
from tests.stack import Stack

LIMITS = httpx.Limits(max_connections=100)
SEEDS = iter(range(200_000, 300_000))


@pytest.fixture(scope="module")
def own_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with Stack(tmp_path_factory.mktemp("faults") / "home") as running:
        yield running


@pytest.fixture
def own_api(own_stack: Stack) -> Iterator[Api]:
    headers = {"Authorization": f"Bearer {own_stack.token}"}
    with httpx.Client(base_url=own_stack.url, headers=headers, timeout=60, limits=LIMITS) as client:
        yield Api(client)


def batch(api: Api, count: int, width: int = 1000, height: int = 800) -> str:
    answer = api.batch([(f"{n}.jpg", photo(next(SEEDS), width, height)) for n in range(count)])
    assert answer.status_code == 202
    return str(answer.json()["job_id"])


def celery_workers(stack: Stack) -> list[psutil.Process]:
    """The main process of the worker that makes pixels, then its pool."""
    found = [p for p in stack.processes() if "interactive,bulk" in p.cmdline()]
    return sorted(found, key=lambda p: (p.parent() in found, p.pid))


def under_way(api: Api, job_id: str) -> None:
    """Waits until the first images are done."""
    api.client.get(f"/api/jobs/{job_id}/events", params={"since": 0, "wait": 20})


def assert_nothing_lost(api: Api, job_id: str, total: int) -> None:
    job = api.finished(job_id, 90)
    assert (job["status"], job["completed"], job["total"]) == ("completed", total, total)
    images = api.images(job_id)
    assert len({image["id"] for image in images}) == total
    events = api.events(job_id)
    assert [event["seq"] for event in events] == list(range(1, job["seq"] + 1))
    assert [event["type"] for event in events].count("job.finished") == 1
    told = [image["id"] for event in events for image in event.get("images", ())]
    assert sorted(told) == sorted(image["id"] for image in images), "an image was told twice or never"
    for image in images[:: max(1, total // 10)]:
        for rendition in image["renditions"]:
            assert len(api.client.get(rendition["url"]).content) == rendition["size"]


def test_a_killed_pool_child_loses_no_image(own_stack: Stack, own_api: Api) -> None:
    job_id = batch(own_api, 80)
    under_way(own_api, job_id)
    for child in celery_workers(own_stack)[1:2]:
        child.send_signal(signal.SIGKILL)
    assert_nothing_lost(own_api, job_id, 80)


def test_a_killed_worker_loses_no_image(own_stack: Stack, own_api: Api) -> None:
    job_id = batch(own_api, 80)
    under_way(own_api, job_id)
    for process in celery_workers(own_stack):
        process.send_signal(signal.SIGKILL)
    assert_nothing_lost(own_api, job_id, 80)


def test_an_emptied_redis_loses_no_image(own_stack: Stack, own_api: Api) -> None:
    job_id = batch(own_api, 200)
    broker = redis.Redis.from_url(embedded.redis_url(own_stack.home))
    broker.flushall()
    broker.close()
    assert_nothing_lost(own_api, job_id, 200)


def test_a_killed_web_server_loses_no_accepted_image(own_stack: Stack, own_api: Api) -> None:
    job_id = batch(own_api, 80)
    [web] = [p for p in own_stack.processes() if "serve" in p.cmdline()]
    web.send_signal(signal.SIGKILL)
    web.wait()
    transport = httpx.HTTPTransport(retries=20)
    with httpx.Client(
        transport=transport, base_url=own_stack.url, headers=own_api.client.headers, timeout=60
    ) as client:
        assert_nothing_lost(Api(client), job_id, 80)


def test_single_uploads_that_wait_keep_nobody_out(own_stack: Stack, own_api: Api) -> None:
    files = [("a.jpg", photo(next(SEEDS), 100, 100)) for _ in range(40)]
    workers = celery_workers(own_stack)
    with ThreadPoolExecutor(len(files)) as pool:
        for worker in workers:
            worker.suspend()
        try:
            waiting = [pool.submit(own_api.upload, file) for file in files]
            while len(own_api.client.get("/api/list?status=pending").json()) < len(files):
                assert not any(answer.done() for answer in waiting)
            assert own_api.client.get("/healthz/live").status_code == 200
        finally:
            for worker in workers:
                worker.resume()
        answers = [answer.result() for answer in waiting]
    assert [answer.status_code for answer in answers] == [200] * len(files)
    assert {answer.json()["image"]["status"] for answer in answers} == {"completed"}


def test_uploads_are_taken_while_redis_is_away(own_stack: Stack, own_api: Api) -> None:
    [broker] = [p for p in own_stack.processes() if "redis" in p.name()]
    os.kill(broker.pid, signal.SIGSTOP)
    try:
        answer = own_api.batch([("a.jpg", photo(next(SEEDS), 200, 200))], timeout=15)
        second = own_api.batch([("b.jpg", photo(next(SEEDS), 200, 200))], timeout=5)
        assert (answer.status_code, second.status_code) == (202, 202)
        ready = own_api.client.get("/healthz/ready", timeout=20)
        assert ready.status_code == 503
        assert ready.json()["checks"]["queue"].startswith("failed")
    finally:
        os.kill(broker.pid, signal.SIGCONT)
    assert_nothing_lost(own_api, answer.json()["job_id"], 1)
    assert_nothing_lost(own_api, second.json()["job_id"], 1)


def test_a_restarted_database_loses_no_image(own_stack: Stack, own_api: Api) -> None:
    job_id = batch(own_api, 80)
    under_way(own_api, job_id)
    postmaster = min(
        (p for p in own_stack.processes() if p.name() == "postgres"), key=lambda p: p.create_time()
    )
    postmaster.send_signal(signal.SIGINT)
    postmaster.wait(20)
    refused = own_api.batch([("a.jpg", photo(next(SEEDS), 60, 60))])
    assert refused.status_code in (202, 503), refused.text
    if refused.status_code == 503:
        assert refused.headers["Retry-After"]
        assert refused.json()["code"] == "unavailable"
    for _ in range(100):
        if own_api.client.get("/healthz/live").status_code == 200 and ready(own_api):
            break
    assert_nothing_lost(own_api, job_id, 80)


def ready(api: Api) -> bool:
    return api.client.get("/healthz/ready").json()["checks"]["database"] == "ok"
