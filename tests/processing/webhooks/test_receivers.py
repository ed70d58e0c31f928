"""Receivers in another language, receivers that are away, and very many images."""

from __future__ import annotations

import json
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from processing.accounts.models import User
from processing.models import Delivery, Status
from processing.webhooks import endpoints
from tests.cast import person
from tests.faults.driver import pictures
from tests.interfaces.npm import installed
from tests.origins import Origin, Reply, Request, origin_server
from tests.processing.webhooks.test_delivery import execute, picture, register, upload
from tests.processing.webhooks.test_outbox import HOOK, complete, job_of, sent
from tests.stack import Stack

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]
VERIFY = """
const { Webhook } = require("standardwebhooks");
const { secrets, messages } = JSON.parse(require("fs").readFileSync(0));
for (const { headers, body } of messages)
  for (const secret of secrets) console.log(new Webhook(secret).verify(body, headers).type);
"""


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    home = tmp_path_factory.mktemp("receivers") / "home"
    with Stack(home, {"IMAGEAPI_ALLOW_PRIVATE_URLS": "1"}) as running:
        yield running


@pytest.fixture
def receiver() -> Iterator[Origin]:
    with origin_server() as origin:
        yield origin


def test_the_library_of_another_language_verifies_all_events_with_both_secrets(
    stack: Stack, receiver: Origin, tmp_path: Path
) -> None:
    names = [
        "job.created",
        "job.finished",
        "image.completed",
        "image.failed",
        "image.deleted",
        "image.restored",
    ]
    endpoint = register(stack, receiver.serve("/npm", Reply(200)), *names)
    renewed = httpx.post(f"{stack.url}/api/webhooks/{endpoint['id']}/secret").json()["secret"]
    job = upload(stack, picture(), pictures(1, 400, 300)[0][1][:9000])
    receiver.wait("/npm", 4)
    images = httpx.get(f"{stack.url}/api/jobs/{job}/images").json()["results"]
    httpx.delete(f"{stack.url}/api/images/{images[0]['id']}").raise_for_status()
    httpx.post(f"{stack.url}/api/images/{images[0]['id']}/restore").raise_for_status()
    httpx.post(f"{stack.url}/api/webhooks/{endpoint['id']}/test").raise_for_status()
    seen = receiver.wait("/npm", 7)
    installed(tmp_path, "standardwebhooks@1.0.0")
    messages = [{"headers": dict(request.headers), "body": request.body.decode()} for request in seen]
    given = json.dumps({"secrets": [endpoint["secret"], renewed], "messages": messages})
    run = subprocess.run(
        ("node", "-e", VERIFY), check=False, cwd=tmp_path, input=given, capture_output=True, text=True
    )
    said = run.stdout.split()
    assert sorted(said) == sorted([*names, "test"] * 2), run.stderr
    httpx.delete(f"{stack.url}/api/webhooks/{endpoint['id']}").raise_for_status()


def test_a_receiver_down_for_a_minute_is_told_all_in_order_once_each(stack: Stack) -> None:
    with Origin() as gone:
        port = gone.port
    names = ["job.created", "image.completed", "job.finished"]
    register(stack, f"http://127.0.0.1:{port}/hook", *names)
    began = time.monotonic()
    jobs = [upload(stack, *(data for _, data in pictures(100))) for _ in range(10)]
    while True:
        statuses = [httpx.get(f"{stack.url}/api/jobs/{job}").json() for job in jobs]
        if all(job["finished_at"] for job in statuses) and time.monotonic() - began > 60:
            break
        time.sleep(1)
    with Origin(port) as back:
        back.serve("/hook", Reply(200))
        # The next tries are minutes away: this is about what comes then, not about the pauses.
        execute(stack, "UPDATE processing_delivery SET due_at = now() WHERE status = 'pending'")
        seen = _all(back, jobs)
    ids = [request.headers["webhook-id"] for request in seen]
    assert [each for each, times in Counter(ids).items() if times > 1] == []
    told = [json.loads(request.body) for request in seen]
    for job in jobs:
        of_job = [each for each in told if job in (each["data"].get("id"), each["data"].get("job_id"))]
        types = [each["type"] for each in of_job]
        assert (types[0], types[-1]) == ("job.created", "job.finished"), types
        images = [image["index"] for each in of_job for image in each["data"].get("images", ())]
        assert sorted(images) == list(range(100))


def _all(back: Origin, jobs: list[str]) -> list[Request]:
    end = time.monotonic() + 300
    while time.monotonic() < end:
        seen = back.requests("/hook")
        finished = [request for request in seen if json.loads(request.body)["type"] == "job.finished"]
        if len(finished) >= len(jobs):
            return seen
        time.sleep(0.2)
    told = [(request.headers["webhook-id"], json.loads(request.body)["data"]["id"]) for request in finished]
    raise AssertionError(f"{len(finished)} of {len(jobs)} jobs are told: {sorted(told)}")


@pytest.fixture
def alice(transactional_db: None) -> User:
    return person("alice")


def test_a_hundred_thousand_images_make_a_thousand_messages(alice: User) -> None:
    """At most one in a hundred, whatever they are flushed by."""
    endpoints.register(alice.id, HOOK, ["image.completed"])
    total = 0
    for _ in range(20):
        Delivery.objects.all().delete()
        _, images = job_of(alice, 5000)
        for start in range(0, 5000, 64):
            complete(images[start : start + 64])
        messages = sent()
        assert sum(len(message["data"]["images"]) for message in messages) == 5000
        total += len(messages)
    print(f"100,000 images, {total} messages")
    assert total <= 1000
    assert not Delivery.objects.exclude(status=Delivery.Status.DELIVERED).exists()
    assert alice.images.filter(status=Status.COMPLETED).count() == 100_000
