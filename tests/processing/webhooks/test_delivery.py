"""Webhooks on the real service, to real receivers that fail, stall, redirect and recover."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

import httpx
import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from tests.administering import Administrator
from tests.database import execute
from tests.drawing import photo
from tests.origins import Origin, Reply, Request, endless, origin_server, stall
from tests.stack import Stack
from tests.waiting import until

pytestmark = pytest.mark.timeout(300)
_seeds = itertools.count(7000)


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    home = tmp_path_factory.mktemp("webhooks") / "home"
    with Stack(home, {"IMAGEAPI_ALLOW_PRIVATE_URLS": "1"}) as stack:
        yield stack


@pytest.fixture
def receiver() -> Iterator[Origin]:
    with origin_server() as origin:
        yield origin


@pytest.fixture(autouse=True)
def no_endpoints_left(stack: Stack) -> Iterator[None]:
    yield
    for endpoint in httpx.get(f"{stack.url}/api/webhooks").json()["results"]:
        assert httpx.delete(f"{stack.url}/api/webhooks/{endpoint['id']}").status_code == 204


def register(stack: Stack, url: str, *events: str) -> dict[str, Any]:
    answer = httpx.post(f"{stack.url}/api/webhooks", json={"url": url, "events": events or ["job.finished"]})
    assert answer.status_code == 201, answer.text
    return answer.json()


def upload(stack: Stack, *files: bytes, **fields: str) -> str:
    """A job's id."""
    named = [("images", (f"{n}.jpg", data)) for n, data in enumerate(files)]
    answer = httpx.post(f"{stack.url}/api/async/upload", files=named, data=fields)
    assert answer.status_code == 202, answer.text
    return str(answer.json()["job_id"])


def picture() -> bytes:
    return photo(next(_seeds), 60, 40)


def delivery(
    stack: Stack, job: str, done: Callable[[dict[str, Any]], Any], seconds: float = 30
) -> dict[str, Any]:
    """The job's newest delivery, once `done` holds of it."""
    end = time.monotonic() + seconds
    while True:
        found = httpx.get(f"{stack.url}/api/webhooks/deliveries?job={job}").json()["results"]
        if found and done(found[0]):
            return found[0]
        assert time.monotonic() < end, found
        time.sleep(0.1)


def seconds_until_next(found: dict[str, Any]) -> float:
    return datetime.fromisoformat(found["next_attempt_at"]).timestamp() - time.time()


def test_every_event_arrives_signed(stack: Stack, receiver: Origin) -> None:
    url = receiver.serve("/hook", Reply(200, b"thanks"))
    endpoint = register(stack, url, "job.finished", "image.failed")
    assert endpoint["secret"].startswith("whsec_")
    job = upload(stack, picture(), photo(next(_seeds), 400, 300)[:9000])
    received = receiver.wait("/hook", 2)
    told = {}
    for request in received:
        assert len(request.body) < 20_000
        message = Webhook(endpoint["secret"]).verify(request.body, dict(request.headers))
        told[message["type"]] = message
    assert told["job.finished"]["data"]["id"] == job
    assert told["job.finished"]["data"]["status"] == "partial"
    assert told["image.failed"]["data"]["job_id"] == job
    assert [image["error"]["code"] for image in told["image.failed"]["data"]["images"]] == ["truncated"]
    assert told["image.failed"]["timestamp"].endswith("Z")
    assert len({request.headers["webhook-id"] for request in received}) == 2


def test_the_secret_is_shown_once(stack: Stack, receiver: Origin) -> None:
    endpoint = register(stack, receiver.url + "/hook")
    listed = httpx.get(f"{stack.url}/api/webhooks").json()["results"]
    assert [(item["id"], item["events"]) for item in listed] == [(endpoint["id"], ["job.finished"])]
    assert "secret" not in listed[0]
    assert endpoint["secret"] not in httpx.get(f"{stack.url}/api/webhooks/{endpoint['id']}").text


def test_only_the_events_asked_for_are_told(stack: Stack, receiver: Origin) -> None:
    register(stack, receiver.serve("/failed", Reply(200)), "image.failed")
    register(stack, receiver.serve("/finished", Reply(200)), "job.finished")
    upload(stack, picture())
    receiver.wait("/finished", 1)
    assert receiver.requests("/failed") == []


def test_a_redirect_is_a_failure_and_the_next_try_has_the_same_id(stack: Stack, receiver: Origin) -> None:
    elsewhere = receiver.serve("/elsewhere", Reply(200))
    answers = iter([Reply(301, b"", {"Location": elsewhere}), Reply(200)])
    url = receiver.serve("/hook", lambda _request: next(answers))
    secret = httpx.post(f"{stack.url}/api/webhooks/secret").json()["secret"]
    job = upload(stack, picture(), webhook_url=url)
    tries = receiver.wait("/hook", 2)
    assert receiver.requests("/elsewhere") == []
    assert tries[0].headers["webhook-id"] == tries[1].headers["webhook-id"]
    assert tries[0].body == tries[1].body
    for request in tries:
        Webhook(secret).verify(request.body, dict(request.headers))
    sent = delivery(stack, job, lambda found: found["status"] == "delivered")
    assert (sent["attempts"], sent["webhook_id"]) == (2, tries[0].headers["webhook-id"])
    seconds = [int(request.headers["webhook-timestamp"]) for request in tries]
    assert seconds[1] - seconds[0] >= 4  # five, both cut to whole ones


def test_the_pauses_grow_as_the_standard_says(stack: Stack, receiver: Origin) -> None:
    url = receiver.serve("/hook", Reply(500))
    job = upload(stack, picture(), webhook_url=url)
    receiver.wait("/hook", 2)
    second = delivery(stack, job, lambda found: found["attempts"] == 2 and found["last_status"])
    assert 280 < seconds_until_next(second) <= 330


def test_retry_after_is_honoured(stack: Stack, receiver: Origin) -> None:
    job = upload(
        stack, picture(), webhook_url=receiver.serve("/hook", Reply(503, b"", {"Retry-After": "1000"}))
    )
    first = delivery(stack, job, lambda found: found["last_status"] == 503)
    assert 900 < seconds_until_next(first) <= 1000


@pytest.mark.parametrize(
    "wish", ["Fri, 31 Dec 9999 23:59:59 -2300", "Fri, 31 Dec 9999 23:59:59 GMT", "9" * 400, "never"]
)
def test_a_retry_after_without_sense_is_no_try_for_nothing(stack: Stack, receiver: Origin, wish: str) -> None:
    url = receiver.serve("/hook", Reply(503, b"", {"Retry-After": wish}))
    job = upload(stack, picture(), webhook_url=url)
    first = delivery(stack, job, lambda found: found["last_status"] == 503)
    assert first["attempts"] == 1
    assert 0 < seconds_until_next(first) <= 86_400


def test_every_event_has_its_message(stack: Stack, receiver: Origin) -> None:
    names = ["job.created", "job.finished", "image.completed", "image.deleted", "image.restored"]
    endpoint = register(stack, receiver.serve("/hook", Reply(200)), *names)
    job = upload(stack, picture(), picture())
    receiver.wait("/hook", 3)
    image = httpx.get(f"{stack.url}/api/jobs/{job}/images").json()["results"][0]["id"]
    assert httpx.delete(f"{stack.url}/api/images/{image}").status_code == 204
    assert httpx.post(f"{stack.url}/api/images/{image}/restore").status_code == 200
    messages = [
        Webhook(endpoint["secret"]).verify(request.body, dict(request.headers))
        for request in receiver.wait("/hook", 5)
    ]
    told = [message["type"] for message in messages]
    assert told == ["job.created", "image.completed", "job.finished", "image.deleted", "image.restored"]
    assert len(messages[1]["data"]["images"]) == 2
    assert [each["id"] for each in messages[3]["data"]["images"]] == [image]
    assert messages[4]["data"]["images"][0]["url"].startswith("/media/")


def test_a_test_message_is_signed_like_all(stack: Stack, receiver: Origin) -> None:
    endpoint = register(stack, receiver.serve("/hook", Reply(200)))
    answer = httpx.post(f"{stack.url}/api/webhooks/{endpoint['id']}/test")
    assert (answer.status_code, answer.json()["event"]) == (202, "test")
    request = receiver.wait("/hook", 1)[0]
    assert Webhook(endpoint["secret"]).verify(request.body, dict(request.headers))["type"] == "test"


def test_a_disabled_receiver_that_takes_a_test_is_told_again(stack: Stack, receiver: Origin) -> None:
    status = [410]
    endpoint = register(stack, receiver.serve("/hook", lambda _request: Reply(status[0])))
    delivery(stack, upload(stack, picture()), lambda found: found["status"] == "failed")
    shown = httpx.get(f"{stack.url}/api/webhooks/{endpoint['id']}").json()
    assert "410" in shown["disabled_reason"]
    status[0] = 200
    httpx.post(f"{stack.url}/api/webhooks/{endpoint['id']}/test").raise_for_status()
    receiver.wait("/hook", 2)
    delivery(stack, upload(stack, picture()), lambda found: found["status"] == "delivered")


@pytest.mark.parametrize("of_account", [False, True])
def test_for_a_day_after_a_renewal_both_secrets_sign(
    stack: Stack, receiver: Origin, of_account: bool
) -> None:
    url = receiver.serve("/hook", Reply(200))
    if of_account:
        path, former = "/api/webhooks/secret", httpx.post(f"{stack.url}/api/webhooks/secret").json()["secret"]
    else:
        endpoint = register(stack, url)
        path, former = f"/api/webhooks/{endpoint['id']}/secret", endpoint["secret"]
    answer = httpx.post(f"{stack.url}{path}")
    assert answer.status_code == 201
    upload(stack, picture(), **({"webhook_url": url} if of_account else {}))
    request = receiver.wait("/hook", 1)[0]
    assert len(request.headers["webhook-signature"].split()) == 2
    for secret in (former, answer.json()["secret"]):
        Webhook(secret).verify(request.body, dict(request.headers))
    execute(stack, "UPDATE processing_endpoint SET former_until = now()")
    execute(stack, "UPDATE processing_signingsecret SET former_until = now()")
    upload(stack, picture(), **({"webhook_url": url} if of_account else {}))
    request = receiver.wait("/hook", 2)[1]
    Webhook(answer.json()["secret"]).verify(request.body, dict(request.headers))
    with pytest.raises(WebhookVerificationError):
        Webhook(former).verify(request.body, dict(request.headers))


def test_the_log_says_what_was_sent_and_answered(stack: Stack, receiver: Origin) -> None:
    register(stack, receiver.serve("/hook", Reply(200, b"", {"X-Receiver": "seven"})))
    job = upload(stack, picture())
    sent = delivery(stack, job, lambda found: found["status"] == "delivered")
    assert sent["request"]["webhook-id"] == sent["webhook_id"]
    assert sent["answer"]["x-receiver"] == "seven"


def test_the_log_is_filtered_and_many_are_sent_again(stack: Stack, receiver: Origin) -> None:
    first = register(stack, receiver.serve("/one", Reply(200)))
    second = register(stack, receiver.serve("/two", Reply(200)))
    jobs = [upload(stack, picture()) for _ in range(3)]
    receiver.wait("/one", 3)
    receiver.wait("/two", 3)
    for job in jobs:
        delivery(stack, job, lambda found: found["status"] == "delivered")
    url = f"{stack.url}/api/webhooks/deliveries"

    def shown(**params: str) -> list[dict[str, Any]]:
        return httpx.get(url, params=params).json()["results"]

    until(lambda: len(shown(endpoint=first["id"], status="delivered")) == 3)
    assert {each["endpoint_id"] for each in shown(endpoint=second["id"])} == {second["id"]}
    assert shown(endpoint=first["id"], event="image.failed") == []
    assert httpx.get(url, params={"status": "sent"}).json()["errors"][0]["code"] == "invalid_choice"
    answer = httpx.post(f"{url}/replay", json={"endpoint": first["id"], "status": "delivered"})
    assert (answer.status_code, answer.json()) == (202, {"replayed": 3})
    assert len(receiver.wait("/one", 6)) == 6
    assert len(receiver.requests("/two")) == 3


def test_after_a_pause_messages_of_a_job_still_come_in_order(stack: Stack, receiver: Origin) -> None:
    """The first one fails once: none of those behind it goes before it."""
    seen: list[Request] = []

    def first_fails(request: Request) -> Reply:
        seen.append(request)
        return Reply(500 if len(seen) == 1 else 200)

    names = ("job.created", "image.completed", "job.finished")
    secret = register(stack, receiver.serve("/hook", first_fails), *names)["secret"]
    upload(stack, picture())
    told = [
        Webhook(secret).verify(request.body, dict(request.headers))["type"]
        for request in receiver.wait("/hook", 4)
    ]
    assert told == ["job.created", *names]


@pytest.mark.parametrize("url", ["ftp://example.com/", "http://user:pass@example.com/", "http://xn--a/"])
def test_a_canvas_tells_only_what_may_be_called(stack: Stack, url: str) -> None:
    wish = {"width": 2, "height": 2, "granular": 100, "webhook_url": url}
    answer = httpx.post(f"{stack.url}/api/canvas", json=wish)
    assert (answer.status_code, answer.json()["errors"][0]["attr"]) == (400, "webhook_url")


def test_gone_disables_the_endpoint_and_what_waits_for_it(stack: Stack, receiver: Origin) -> None:
    status = [500]
    url = receiver.serve("/hook", lambda _request: Reply(status[0]))
    endpoint = register(stack, url)
    waiting = upload(stack, picture())
    delivery(stack, waiting, lambda found: found["last_status"] == 500)
    status[0] = 410
    job = upload(stack, picture())
    gone = delivery(stack, job, lambda found: found["status"] == "failed")
    assert gone["last_status"] == 410
    assert delivery(stack, waiting, lambda found: found["status"] == "failed")["last_error"]
    assert httpx.get(f"{stack.url}/api/webhooks/{endpoint['id']}").json()["disabled_at"]
    count = len(receiver.requests("/hook"))
    third = upload(stack, picture())
    assert httpx.get(f"{stack.url}/api/jobs/{third}/events?wait=20", timeout=30).status_code == 200
    assert httpx.get(f"{stack.url}/api/webhooks/deliveries?job={third}").json()["results"] == []
    assert len(receiver.requests("/hook")) == count


def test_receivers_that_stall_delay_no_other(stack: Stack, receiver: Origin) -> None:
    others = [Origin() for _ in range(4)]
    try:
        for other in others:
            for path in ("/a", "/b"):
                reply = stall(other) if path == "/a" else endless(other)
                upload(stack, picture(), webhook_url=other.serve(path, reply))
        for other in others:
            other.wait_active(1)
        began = time.monotonic()
        upload(stack, picture(), webhook_url=receiver.serve("/hook", Reply(200)))
        receiver.wait("/hook", 1, seconds=10)
        assert time.monotonic() - began < 10
    finally:
        for other in others:
            other.close()


def test_an_endless_answer_is_not_read(stack: Stack, receiver: Origin) -> None:
    job = upload(stack, picture(), webhook_url=receiver.serve("/hook", endless(receiver)))
    assert delivery(stack, job, lambda found: found["status"] == "delivered")["attempts"] == 1


def test_a_replay_has_the_old_id_and_a_fresh_signature(stack: Stack, receiver: Origin) -> None:
    endpoint = register(stack, receiver.serve("/hook", Reply(200)))
    job = upload(stack, picture())
    sent = delivery(stack, job, lambda found: found["status"] == "delivered")
    answer = httpx.post(f"{stack.url}/api/webhooks/deliveries/{sent['id']}/replay")
    assert (answer.status_code, answer.json()["status"]) == (202, "pending")
    tries = receiver.wait("/hook", 2)
    assert {request.headers["webhook-id"] for request in tries} == {sent["webhook_id"]}
    Webhook(endpoint["secret"]).verify(tries[1].body, dict(tries[1].headers))
    delivery(stack, job, lambda found: found["status"] == "delivered")


def test_what_is_on_its_way_is_not_replayed(stack: Stack, receiver: Origin) -> None:
    job = upload(
        stack, picture(), webhook_url=receiver.serve("/hook", Reply(500, b"", {"Retry-After": "900"}))
    )
    waiting = delivery(stack, job, lambda found: found["last_status"] == 500)
    answer = httpx.post(f"{stack.url}/api/webhooks/deliveries/{waiting['id']}/replay")
    assert (answer.status_code, answer.json()["code"]) == (409, "still_pending")


def test_after_the_last_try_the_endpoint_is_disabled(stack: Stack, receiver: Origin) -> None:
    endpoint = register(stack, receiver.serve("/hook", Reply(500)))
    job = upload(stack, picture())
    first = delivery(stack, job, lambda found: found["last_status"] == 500)
    # Three and a half days later:
    execute(
        stack,
        "UPDATE processing_delivery SET attempt = 9, due_at = now() WHERE id = %s AND status = 'pending'",
        first["id"],
    )
    last = delivery(stack, job, lambda found: found["status"] == "failed")
    assert (last["attempts"], last["next_attempt_at"]) == (10, None)
    assert httpx.get(f"{stack.url}/api/webhooks/{endpoint['id']}").json()["disabled_at"]


def test_another_account_sees_and_replays_nothing(stack: Stack, receiver: Origin) -> None:
    endpoint = register(stack, receiver.serve("/hook", Reply(200)))
    job = upload(stack, picture())
    sent = delivery(stack, job, lambda found: found["status"] == "delivered")
    other = httpx.Client(base_url=stack.url, headers={"Authorization": f"Bearer {stack.token}"})
    with other:
        assert other.get("/api/webhooks").json()["results"] == []
        assert other.get("/api/webhooks/deliveries").json()["results"] == []
        assert other.delete(f"/api/webhooks/{endpoint['id']}").status_code == 404
        assert other.post(f"/api/webhooks/deliveries/{sent['id']}/replay").status_code == 404


def test_a_sender_that_is_killed_leaves_the_message_to_the_next(stack: Stack, receiver: Origin) -> None:
    held: list[Request] = []

    def first_is_held(request: Request) -> Reply:
        held.append(request)
        return stall(receiver) if len(held) == 1 else Reply(200)

    job = upload(stack, picture(), webhook_url=receiver.serve("/hook", first_is_held))
    receiver.wait_active(1)
    next(p for p in stack.processes() if any("fetcher@" in part for part in p.cmdline())).kill()
    execute(stack, "UPDATE processing_delivery SET lease_until = now() WHERE job_id = %s", job)
    assert delivery(stack, job, lambda found: found["status"] == "delivered", 90)["attempts"] == 2
    assert held[0].headers["webhook-id"] == held[1].headers["webhook-id"]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"url": "ftp://example.com/"}, "blocked_address"),
        ({"url": "http://user:pass@example.com/"}, "blocked_address"),
        ({"url": ""}, "blank"),
        ({"url": "http://example.com/" + "a" * 3000}, "max_length"),
        ({}, "required"),
        ({"url": "http://example.com/", "events": ["everything"]}, "invalid_choice"),
        ({"url": "http://example.com/", "events": []}, "empty"),
    ],
)
def test_a_bad_registration_is_refused(stack: Stack, body: dict[str, Any], code: str) -> None:
    answer = httpx.post(f"{stack.url}/api/webhooks", json=body)
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (400, code)


def test_the_admin_shows_and_replays_but_changes_nothing(stack: Stack, receiver: Origin) -> None:
    endpoint = register(stack, receiver.serve("/hook", Reply(200)))
    job = upload(stack, picture())
    sent = delivery(stack, job, lambda found: found["status"] == "delivered")
    with Administrator(stack) as admin:
        page = admin.client.get("/admin/processing/delivery/")
        assert sent["url"] in page.text
        assert admin.client.get("/admin/processing/delivery/add/").status_code == 403
        shown = admin.client.get(f"/admin/processing/endpoint/{endpoint['id']}/change/")
        assert shown.status_code == 200
        assert endpoint["secret"] not in shown.text
        assert "1 of 1 go again" in admin.act("delivery", "send_again", sent["id"])
    assert len(receiver.wait("/hook", 2)) == 2
