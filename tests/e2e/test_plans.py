"""What a plan gives and forbids, as its users meet it."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from django.core import signing

from tests.administering import Account, Administrator
from tests.api import Api
from tests.drawing import photo
from tests.stack import Stack

pytestmark = pytest.mark.timeout(300)

PHOTO = photo(1, 700, 600)


@pytest.fixture(scope="module")
def admin(stack: Stack) -> Iterator[Administrator]:
    with Administrator(stack) as signed_in:
        yield signed_in


@pytest.fixture
def alice(stack: Stack, admin: Administrator, request: pytest.FixtureRequest) -> Iterator[Account]:
    """She begins under Basic; each test has an account of its own."""
    name = f"alice-{request.node.name[:60]}"
    admin.add_account(name, "Basic")
    with Account(stack, name) as api:
        yield api


def uploaded(api: Api, data: bytes, name: str = "holiday.jpg") -> dict[str, Any]:
    answer = api.upload((name, data))
    assert answer.status_code == 200, answer.text
    return answer.json()["image"]


def image(api: Api, image_id: str) -> dict[str, Any]:
    return api.client.get(f"/api/images/{image_id}").raise_for_status().json()


def names(shown: dict[str, Any]) -> list[str]:
    return [rendition["name"] for rendition in shown["renditions"]]


def code(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


def until(look: Any, wanted: Any, seconds: float = 30) -> None:
    """Looks again until it is so; what a change in the admin sets off comes with the next beat."""
    end = time.monotonic() + seconds
    while (seen := look()) != wanted:
        assert time.monotonic() < end, seen
        time.sleep(0.1)


def derive_jobs(api: Api) -> list[dict[str, Any]]:
    return [job for job in api.client.get("/api/jobs").json()["results"] if job["kind"] == "derive"]


def expired(url: str, home: Path) -> str:
    """The same link as it will be once its time is over."""
    path, _, token = url.rpartition("/")
    part = token.split(":")[0]
    payload = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    payload[1] = int(time.time()) - 1
    return f"{path}/{signing.dumps(payload, key=(home / 'secret_key').read_text(), salt='uploads.links')}"


def test_a_basic_user_is_upgraded_gets_more_shares_a_link_and_is_downgraded(
    stack: Stack, admin: Administrator, alice: Account
) -> None:
    name = alice.name
    poor = uploaded(alice, PHOTO)
    assert names(poor) == ["web", "thumbnail-200"]
    assert poor["original_url"] is None
    assert code(alice.client.get(f"/api/images/{poor['id']}/original")) == (403, "plan_forbids")
    wish = {"expire_time": 300}
    assert code(alice.client.post(f"/api/images/{poor['id']}/links", json=wish)) == (403, "plan_forbids")
    assert alice.client.get("/api/me").json()["usage"] == {"images": 1, "bytes": 0}

    # A plan of one size that keeps originals, made in the admin.
    keeper = f"Keeper of {name}"[:40]
    limits = {"thumbnail_heights": "200", "keeps_original": "on"}
    admin.add_plan(keeper, **limits)
    admin.give_plan(name, keeper)
    kept_photo = photo(2, 700, 600)
    kept = uploaded(alice, kept_photo)
    assert names(kept) == ["web", "thumbnail-200"]
    assert kept["original_url"] == f"/api/images/{kept['id']}/original"

    admin.give_plan(name, "Enterprise")
    until(lambda: names(image(alice, kept["id"])), ["web", "thumbnail-200", "thumbnail-400"])
    assert names(image(alice, poor["id"])) == ["web", "thumbnail-200"], (
        "there was no original to make it from"
    )
    [job] = derive_jobs(alice)
    until(lambda: alice.job(job["id"])["status"], "completed")
    job = alice.job(job["id"])
    assert (job["total"], job["completed"]) == (1, 1)
    assert [shown["id"] for shown in alice.images(job["id"])] == [kept["id"]]
    events = alice.events(job["id"])
    assert [event["type"] for event in events] == ["job.progress", "job.finished"]
    assert names(events[0]["images"][0]) == ["web", "thumbnail-200", "thumbnail-400"]
    assert image(alice, kept["id"])["renditions"][:2] == kept["renditions"], "no URL ever changes"
    tall = httpx.get(stack.url + image(alice, kept["id"])["renditions"][2]["url"])
    assert tall.status_code == 200

    link = alice.client.post(f"/api/images/{kept['id']}/links", json=wish)
    assert link.status_code == 201
    fetched = httpx.get(link.json()["url"])
    assert (fetched.status_code, fetched.content) == (200, kept_photo)
    assert "holiday" not in fetched.headers["Content-Disposition"]
    assert code(httpx.get(expired(link.json()["url"], stack.home))) == (410, "link_expired")

    admin.give_plan(name, "Basic")
    shown = image(alice, kept["id"])
    assert (names(shown), shown["original_url"]) == (["web", "thumbnail-200"], None)
    assert code(alice.client.get(f"/api/images/{kept['id']}/original")) == (403, "plan_forbids")
    archive = f"/api/jobs/{kept['job_id']}/archive"
    assert code(alice.client.get(f"{archive}?renditions=original")) == (403, "plan_forbids")
    assert b"original" not in alice.client.get(archive).content
    until(lambda: httpx.get(link.json()["url"]).status_code, 404)

    admin.give_plan(name, "Premium")
    again = image(alice, kept["id"])
    assert names(again) == ["web", "thumbnail-200", "thumbnail-400"], "hidden, not lost"
    assert again["original_url"]
    assert httpx.get(link.json()["url"]).status_code == 404, "a link once dead stays so"


def test_a_new_size_of_a_plan_reaches_the_images_of_all_its_accounts(
    stack: Stack, admin: Administrator, alice: Account
) -> None:
    name = alice.name
    plan = f"Sizes of {name}"[:40]
    admin.add_plan(plan, thumbnail_heights="200", keeps_original="on")
    admin.add_account(f"{name}-too", plan)
    admin.give_plan(name, plan)
    with Account(stack, f"{name}-too") as other:
        first, second = uploaded(alice, PHOTO), uploaded(other, PHOTO)
        page = admin.client.get("/admin/processing/plan/", params={"q": plan}).text
        plan_id = page.split("/admin/processing/plan/")[-1].split("/change/")[0].rsplit("/", 1)[-1]
        admin.fill(f"/admin/processing/plan/{plan_id}/change/", {"thumbnail_heights": "300,200"})
        wanted = ["web", "thumbnail-200", "thumbnail-300"]
        until(lambda: names(image(alice, first["id"])), wanted)
        until(lambda: names(image(other, second["id"])), wanted)
        # One size less: it is hidden at once.
        admin.fill(f"/admin/processing/plan/{plan_id}/change/", {"thumbnail_heights": "300"})
        assert names(image(alice, first["id"])) == ["web", "thumbnail-300"]


def test_of_fifty_uploads_at_once_exactly_the_thirty_that_fit_are_accepted(
    stack: Stack, admin: Administrator, alice: Account
) -> None:
    name = alice.name
    size = 30_000
    # A JPEG may be followed by anything: so all have one size, and each bytes of its own.
    files = [photo(seed, 120, 90).ljust(size, b"\0") for seed in range(100, 150)]
    assert {len(data) for data in files} == {size}
    plan = f"Thirty of {name}"[:40]
    quota = {"storage_quota_bytes": str(30 * size + size // 2)}
    admin.add_plan(plan, thumbnail_heights="200", keeps_original="on", **quota)
    admin.give_plan(name, plan)
    with ThreadPoolExecutor(50) as pool:
        answers = list(pool.map(lambda data: alice.multi([("a.jpg", data)]), files))
    accepted = [answer for answer in answers if answer.status_code == 202]
    refused = [answer for answer in answers if answer.status_code != 202]
    assert len(accepted) == 30
    assert {code(answer) for answer in refused} == {(400, "quota_exceeded")}
    reason = refused[0].json()["errors"][0]
    assert (reason["limit"], reason["actual"], reason["plan"]) == (30 * size + size // 2, 31 * size, plan)
    assert alice.client.get("/api/me").json()["usage"] == {"images": 30, "bytes": 30 * size}
    for answer in accepted:
        assert alice.finished(answer.json()["job_id"])["status"] == "completed"
    # What is there already costs nothing, full or not.
    taken = {item["checksum"] for answer in accepted for item in answer.json()["accepted"]}
    answers = [alice.upload(("again.jpg", data)) for data in files]
    assert sorted(answer.status_code for answer in answers) == [200] * 30 + [413] * 20
    assert {answer.json()["image"]["checksum"] for answer in answers if answer.status_code == 200} == taken
    assert alice.client.get("/api/me").json()["usage"] == {"images": 60, "bytes": 30 * size}
