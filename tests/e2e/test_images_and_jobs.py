"""Looking at, deleting, restoring, fetching, retrying, cancelling."""

from __future__ import annotations

import httpx
import pytest

from tests.api import Api
from tests.e2e.test_upload import fresh, problem
from tests.stack import Stack


def test_the_list_is_newest_first_and_its_links_lead_through_all(api: Api) -> None:
    ids = [api.upload((f"{n}.jpg", fresh())).json()["image"]["id"] for n in range(5)]
    seen: list[str] = []
    url: str | None = "/api/list?limit=2"
    while url and len(seen) < 6:
        answer = api.client.get(url)
        page = answer.json()
        assert isinstance(page, list)
        assert len(page) <= 2
        seen += [image["id"] for image in page]
        url = answer.links.get("next", {}).get("url")
    assert seen[:5] == ids[::-1]


def test_the_list_takes_a_status(api: Api) -> None:
    job_id = api.multi([("cut.jpg", fresh(800, 600)[:5000])]).json()["job_id"]
    api.finished(job_id)
    failed = api.client.get("/api/list?status=failed").json()
    assert {image["status"] for image in failed} == {"failed"}
    problem(api.client.get("/api/list?status=lost"), 400, "invalid")


def named(api: Api, words: str, **also: str | int) -> list[str]:
    answer = api.client.get("/api/list", params={"q": words, **also})
    assert answer.status_code == 200, answer.text
    return [image["name"] for image in answer.json()]


def test_the_list_finds_names_by_how_their_words_begin(api: Api) -> None:
    names = ["IMG_4278-beach.jpg", "Ärger im Büro.png", "beachBall (2).JPG", "shot at 10.00\u202fAM.png"]
    ids = {name: api.upload((name, fresh())).json()["image"]["id"] for name in names}
    beach, office, ball, shot = names
    for word in ("img", "4278", "42", "beach", "jpg", "IMG_4278", "beach.jpg img"):
        assert beach in named(api, word), word
    assert named(api, "beach") == [ball, beach]
    assert named(api, "jpg beach 2") == [ball]
    assert named(api, "ärg büro") == named(api, "A\u0308RGER") == [office]
    assert named(api, "am 10") == [shot]
    assert named(api, "each") == named(api, "ball") == named(api, "beach office") == []
    assert named(api, "beach", limit=1) == [ball]
    assert named(api, "beach", status="failed") == []
    api.client.delete(f"/api/images/{ids[ball]}")
    assert named(api, "beach") == [beach]
    assert named(api, "beach", deleted=1) == [ball]
    assert {beach, office, shot} <= set(named(api, "  "))


def test_the_pages_of_a_search_lead_on_within_it(api: Api) -> None:
    for n in range(3):
        api.multi([(f"pier {n}.jpg", fresh()), (f"quay {n}.jpg", fresh())])
    first = api.client.get("/api/list?q=pier&limit=2")
    second = api.client.get(first.links["next"]["url"])
    assert [image["name"] for image in first.json() + second.json()] == [
        "pier 2.jpg",
        "pier 1.jpg",
        "pier 0.jpg",
    ]
    assert "next" not in second.links


@pytest.mark.parametrize(
    "words",
    ["!!! & | ( ) <-> :*", "'", "zqa' | 'zqb", "\\", "' OR 1=1 --", "%_*", "zq:*", "x<2>y", "🎉", "\x01"],
)
def test_no_sign_in_a_search_means_anything(api: Api, words: str) -> None:
    api.upload(("plain.jpg", fresh()))
    assert named(api, words) == []


@pytest.mark.parametrize("words", ["\0", "a\0b", "a" * 256, "a " * 5000])
def test_a_search_that_no_name_can_answer_is_refused(api: Api, words: str) -> None:
    answer = api.client.get("/api/list", params={"q": words})
    problem(answer, 400, "invalid")
    assert answer.json()["errors"][0]["attr"] == "q"


@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=1001",
        "limit=-1",
        "limit=x",
        "limit=1e3",
        "limit=%00",
        "limit=" + "9" * 50,
        "cursor=abc",
        "cursor=%00",
        "cursor=WyJ4IiwwXQ",
        "cursor=bnVsbA",
        "cursor=" + "W" * 5000,
        "status=%00",
    ],
)
@pytest.mark.parametrize("path", ["/api/list", "/api/jobs"])
def test_made_up_numbers_and_cursors_are_refused(api: Api, path: str, query: str) -> None:
    if path == "/api/jobs" and query.startswith("status"):
        pytest.skip("the job list takes no status")
    answer = api.client.get(f"{path}?{query}")
    assert answer.status_code == 400
    assert answer.headers["Content-Type"] == "application/problem+json"


def test_jobs_page_forth_and_back(api: Api) -> None:
    for _ in range(3):
        api.multi([("a.jpg", fresh())])
    first = api.client.get("/api/jobs?limit=2").json()
    assert first["previous"] is None
    second = api.client.get(first["next"]).json()
    assert not {job["id"] for job in first["results"]} & {job["id"] for job in second["results"]}
    back = api.client.get(second["previous"]).json()
    assert [job["id"] for job in back["results"]] == [job["id"] for job in first["results"]]


def test_a_job_that_did_not_change_is_not_sent_again(api: Api) -> None:
    job_id = api.multi([("a.jpg", fresh())]).json()["job_id"]
    job = api.finished(job_id)
    answer = api.client.get(f"/api/jobs/{job_id}")
    assert "Retry-After" not in answer.headers
    again = api.client.get(f"/api/jobs/{job_id}", headers={"If-None-Match": answer.headers["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert job["seq"] == 2


def test_a_deleted_image_is_gone_at_once_and_comes_back_whole(api: Api) -> None:
    data = fresh()
    image = api.upload(("a.jpg", data)).json()["image"]
    path = f"/api/images/{image['id']}"
    assert api.client.delete(path).status_code == 204
    problem(api.client.get(path), 404, "not_found")
    problem(api.client.get(f"{path}/original"), 404, "not_found")
    problem(api.client.delete(path), 404, "not_found")
    assert image["id"] not in {i["id"] for i in api.client.get("/api/list").json()}
    known = api.client.post("/api/images/check", json={"checksums": [image["checksum"]]}).json()["known"]
    assert known == {}
    restored = api.client.post(f"{path}/restore")
    assert (restored.status_code, restored.json()) == (200, image)
    assert api.client.get(path).json() == image


def test_a_deleted_twin_leaves_the_other_its_files(api: Api) -> None:
    data = fresh()
    first = api.upload(("a.jpg", data)).json()["image"]
    second = api.upload(("b.jpg", data)).json()["image"]
    api.client.delete(f"/api/images/{first['id']}")
    assert api.client.get(f"/api/images/{second['id']}/original").content == data


def test_the_original_comes_back_byte_for_byte_as_a_download(api: Api) -> None:
    data = fresh(1200, 900)
    image = api.upload(('na"me é.jpg', data)).json()["image"]
    answer = api.client.get(image["original_url"])
    assert answer.content == data
    assert answer.headers["Content-Disposition"].startswith("attachment")
    assert answer.headers["Content-Length"] == str(len(data))
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_a_retry_takes_the_failed_ones_only(api: Api) -> None:
    body = api.batch([("good.jpg", fresh()), ("cut.jpg", fresh(800, 600)[:9000])]).json()
    job = api.finished(body["job_id"])
    assert job["status"] == "partial"
    good_before = api.images(job["id"])[0]
    answer = api.client.post(f"/api/jobs/{job['id']}/retry")
    assert answer.status_code == 202
    assert answer.json()["failed"] == 0
    assert answer.json()["finished_at"] is None
    again = api.finished(job["id"])
    assert (again["status"], again["completed"], again["failed"]) == ("partial", 1, 1)
    assert api.images(job["id"])[0] == good_before
    assert [event["seq"] for event in api.events(job["id"])] == list(range(1, again["seq"] + 1))


def test_a_cancelled_job_ends_and_what_had_started_is_finished(api: Api) -> None:
    body = api.batch([(f"{n}.jpg", fresh(1600, 1200)) for n in range(60)]).json()
    answer = api.client.post(f"/api/jobs/{body['job_id']}/cancel")
    assert answer.status_code == 202
    job = api.finished(body["job_id"])
    assert job["status"] == "aborted"
    assert job["aborted"] > 0
    assert job["completed"] + job["aborted"] == 60
    statuses = [image["status"] for image in api.images(job["id"])]
    assert statuses.count("aborted") == job["aborted"]
    events = api.events(job["id"])
    assert [event["type"] for event in events].count("job.finished") == 1


def test_a_long_poll_answers_as_soon_as_there_is_something(api: Api) -> None:
    job_id = api.multi([("a.jpg", fresh())]).json()["job_id"]
    answer = api.client.get(f"/api/jobs/{job_id}/events?since=0&wait=20").json()
    assert answer["events"][0]["type"] == "job.progress"
    finished = api.finished(job_id)
    answer = api.client.get(f"/api/jobs/{job_id}/events?since={finished['seq']}&wait=20").json()
    assert answer == {"events": [], "seq": finished["seq"]}


@pytest.mark.parametrize("query", ["since=-1", "since=x", "wait=31", "wait=-1", "since=1e309"])
def test_a_bad_since_or_wait_is_refused(api: Api, query: str) -> None:
    job_id = api.multi([("a.jpg", fresh())]).json()["job_id"]
    problem(api.client.get(f"/api/jobs/{job_id}/events?{query}"), 400, "invalid")


def test_what_is_not_there_is_a_problem_too(stack: Stack) -> None:
    for path in ("/nowhere", "/api/jobs/1", "/media/x/y.jpg", f"/media/{'a' * 22}/web.{'0' * 16}.jpg"):
        problem(httpx.get(f"{stack.url}{path}"), 404, "not_found")
    assert httpx.put(f"{stack.url}/api/list").json()["code"] == "method_not_allowed"
