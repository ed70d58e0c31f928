"""The queue lost, full, doubled: it only ever carried hints."""

from __future__ import annotations

import signal
import subprocess
import threading
from collections.abc import Iterator

import pytest

from imageapi.celery import app
from imageapi.up import embedded
from tests.database import execute
from tests.faults.driver import (
    assert_nothing_lost,
    batch,
    broker,
    client_of,
    find,
    kill,
    leftovers,
    pictures,
    redis_of,
    workers,
)
from tests.stack import ROOT, Stack


@pytest.fixture(scope="module")
def own_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with Stack(tmp_path_factory.mktemp("queue") / "home") as running:
        yield running
        assert leftovers(running) == []


def test_two_beats_and_none_only_cost_time(own_stack: Stack) -> None:
    [beat] = find(own_stack, lambda p: "beat" in p.cmdline())
    command = (*beat.cmdline()[:4], "imageapi", "beat", "--schedule", str(own_stack.home / "second-beat"))
    environ = beat.environ()
    with client_of(own_stack) as api:
        kill(beat, signal.SIGSTOP)
        try:
            assert_nothing_lost(api, own_stack, batch(api, pictures(20)), 20)
        finally:
            kill(beat, signal.SIGCONT)
        quiet = subprocess.DEVNULL
        with subprocess.Popen(command, env=environ, cwd=ROOT, stdout=quiet, stderr=quiet) as second:
            try:
                job_id = batch(api, pictures(100))
                for child in workers(own_stack)[1:]:
                    kill(child)
                assert_nothing_lost(api, own_stack, job_id, 100)
            finally:
                second.terminate()


@pytest.mark.slow
def test_redis_killed_and_emptied_with_a_thousand_queued(own_stack: Stack) -> None:
    with client_of(own_stack) as api:
        job_id = batch(api, pictures(1000))
        queue = redis_of(own_stack)
        assert queue.llen("images") <= 2, "a message a wake-up, not an image"
        queue.flushall()
        queue.close()
        kill(broker(own_stack))
        assert_nothing_lost(api, own_stack, job_id, 1000, 170)


def test_a_full_redis_is_as_one_that_is_away(own_stack: Stack) -> None:
    queue = redis_of(own_stack)
    queue.config_set("maxmemory-policy", "noeviction")
    queue.config_set("maxmemory", 1)
    try:
        with client_of(own_stack) as api:
            jobs = [batch(api, pictures(5)) for _ in range(2)]
            ready = api.client.get("/healthz/ready")
            assert ready.status_code == 503
            assert ready.json()["checks"]["queue"].startswith("failed")
            queue.config_set("maxmemory", 0)
            for job_id in jobs:
                assert_nothing_lost(api, own_stack, job_id, 5)
    finally:
        queue.config_set("maxmemory", 0)
        queue.close()


def test_tasks_delivered_many_times_at_once_are_done_once(own_stack: Stack) -> None:
    """Bells by the dozen, by hand, past the service, while it works."""
    with client_of(own_stack) as api:
        answer = api.batch(pictures(60)).json()
        ids = [item["id"] for item in answer["accepted"]]
        again = [threading.Thread(target=deliver, args=(own_stack,)) for _ in range(32)]
        for thread in again:
            thread.start()
        for thread in again:
            thread.join()
        assert_nothing_lost(api, own_stack, answer["job_id"], 60)
        deliver(own_stack)
        assert_nothing_lost(api, own_stack, batch(api, pictures(1)), 1)
        assert_nothing_lost(api, own_stack, answer["job_id"], 60)
    attempts = execute(
        own_stack, "SELECT DISTINCT attempt FROM processing_image WHERE id = ANY(%s::uuid[])", ids
    )
    assert attempts == [(1,)]


def deliver(stack: Stack) -> None:
    url = embedded.redis_url(stack.home).replace("unix://", "redis+socket://", 1)
    with (
        app.connection(url.replace("?db=", "?virtual_host=")) as connection,
        app.amqp.Producer(connection) as producer,
    ):
        app.send_task("work_images", queue="images", producer=producer)
