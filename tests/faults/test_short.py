"""Whatever is killed, nothing accepted is lost: the short selection of the fault table."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.api import Api
from tests.faults.driver import (
    assert_nothing_lost,
    batch,
    broker,
    client_of,
    find,
    kill,
    pictures,
    redis_of,
    web,
    workers,
)
from tests.stack import Stack


@pytest.fixture(scope="module")
def own_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with Stack(tmp_path_factory.mktemp("faults") / "home") as running:
        yield running


@pytest.fixture
def own_api(own_stack: Stack) -> Iterator[Api]:
    with client_of(own_stack) as api:
        yield api


def sent(api: Api, count: int) -> str:
    """The id of a job of so many pictures, large enough to be caught in the middle."""
    return batch(api, pictures(count, 1000, 800))


def under_way(api: Api, job_id: str) -> None:
    """Waits until the first images are done."""
    api.client.get(f"/api/jobs/{job_id}/events", params={"since": 0, "wait": 20})


def test_a_killed_pool_child_loses_no_image(own_stack: Stack, own_api: Api) -> None:
    job_id = sent(own_api, 80)
    under_way(own_api, job_id)
    kill(workers(own_stack)[1])
    assert_nothing_lost(own_api, own_stack, job_id, 80)


def test_a_killed_worker_loses_no_image(own_stack: Stack, own_api: Api) -> None:
    job_id = sent(own_api, 80)
    under_way(own_api, job_id)
    for process in workers(own_stack):
        kill(process)
    assert_nothing_lost(own_api, own_stack, job_id, 80)


def test_an_emptied_redis_loses_no_image(own_stack: Stack, own_api: Api) -> None:
    job_id = sent(own_api, 200)
    with redis_of(own_stack) as emptied:
        emptied.flushall()
    assert_nothing_lost(own_api, own_stack, job_id, 200)


def test_a_redis_that_dies_while_all_are_busy_stops_no_worker(own_stack: Stack, own_api: Api) -> None:
    """Nobody starts it again until what the workers hold is done, and nobody takes their acknowledgements."""
    job_id = sent(own_api, 200)
    supervisor = own_stack.process
    assert supervisor is not None
    supervisor.send_signal(signal.SIGSTOP)
    try:
        kill(broker(own_stack))
        time.sleep(2)
        assert own_api.job(job_id)["status"] == "processing"
    finally:
        supervisor.send_signal(signal.SIGCONT)
    assert_nothing_lost(own_api, own_stack, job_id, 200)


def test_a_killed_web_server_loses_no_accepted_image(own_stack: Stack, own_api: Api) -> None:
    job_id = sent(own_api, 80)
    server = web(own_stack)
    kill(server)
    server.wait()
    with client_of(own_stack, retries=20) as api:
        assert_nothing_lost(api, own_stack, job_id, 80)


def test_single_uploads_that_wait_keep_nobody_out(own_stack: Stack, own_api: Api) -> None:
    files = pictures(40, 100, 100)
    stopped = workers(own_stack)
    with ThreadPoolExecutor(len(files)) as pool:
        for worker in stopped:
            worker.suspend()
        try:
            waiting = [pool.submit(own_api.upload, file) for file in files]
            while len(own_api.client.get("/api/list?status=pending").json()) < len(files):
                assert not any(answer.done() for answer in waiting)
            assert own_api.client.get("/healthz/live").status_code == 200
        finally:
            for worker in stopped:
                worker.resume()
        answers = [answer.result() for answer in waiting]
    assert [answer.status_code for answer in answers] == [200] * len(files)
    assert {answer.json()["image"]["status"] for answer in answers} == {"completed"}


def test_uploads_are_taken_while_redis_is_away(own_stack: Stack, own_api: Api) -> None:
    frozen = broker(own_stack)
    kill(frozen, signal.SIGSTOP)
    try:
        answer = own_api.batch(pictures(1), timeout=15)
        second = own_api.batch(pictures(1), timeout=5)
        assert (answer.status_code, second.status_code) == (202, 202)
        ready = own_api.client.get("/healthz/ready", timeout=20)
        assert ready.status_code == 503
        assert ready.json()["checks"]["queue"].startswith("failed")
    finally:
        kill(frozen, signal.SIGCONT)
    assert_nothing_lost(own_api, own_stack, answer.json()["job_id"], 1)
    assert_nothing_lost(own_api, own_stack, second.json()["job_id"], 1)


def test_a_restarted_database_loses_no_image(own_stack: Stack, own_api: Api) -> None:
    job_id = sent(own_api, 80)
    under_way(own_api, job_id)
    postmaster = find(own_stack, lambda p: p.name() == "postgres")[0]
    kill(postmaster, signal.SIGINT)
    postmaster.wait(20)
    refused = own_api.batch(pictures(1))
    assert refused.status_code in (202, 503), refused.text
    if refused.status_code == 503:
        assert refused.headers["Retry-After"]
        assert refused.json()["code"] == "unavailable"
    for _ in range(100):
        if own_api.client.get("/healthz/live").status_code == 200 and ready(own_api):
            break
    assert_nothing_lost(own_api, own_stack, job_id, 80)


def ready(api: Api) -> bool:
    return api.client.get("/healthz/ready").json()["checks"]["database"] == "ok"
