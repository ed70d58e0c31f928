"""The CSV interface of a service that reaches public addresses only."""

from __future__ import annotations

import csv
import io
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.origins import Origin, Reply, origin_server
from tests.processing.remote.test_http import BLOCKED
from tests.stack import Stack

pytestmark = pytest.mark.timeout(300)
HEADER = "S. No.,Product Name,Input Image Urls\n"


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with Stack(tmp_path_factory.mktemp("csv") / "home") as stack:
        yield stack


@pytest.fixture
def origin() -> Iterator[Origin]:
    with origin_server() as origin:
        yield origin


def post(stack: Stack, data: bytes | str, query: str = "", **kwargs: Any) -> httpx.Response:
    content = data.encode() if isinstance(data, str) else data
    kwargs.setdefault("timeout", 60)
    return httpx.post(f"{stack.url}/imgproc/upload{query}", files={"file": ("list.csv", content)}, **kwargs)


def finished(stack: Stack, job: str) -> dict[str, Any]:
    end = time.monotonic() + 120
    while time.monotonic() < end:
        httpx.get(f"{stack.url}/api/jobs/{job}/events?wait=20", timeout=40)
        status = httpx.get(f"{stack.url}/imgproc/status/{job}/").json()
        if status["status"] not in ("pending", "processing"):
            return status
    raise AssertionError(status)


def test_no_private_address_is_asked_from_a_csv(stack: Stack, origin: Origin) -> None:
    urls = [url.replace("{port}", str(origin.port)) for url in BLOCKED if url.strip() and "," not in url]
    urls = [url for url in urls if "\n" not in url]
    text = io.StringIO()
    csv.writer(text).writerows([number, "P", url] for number, url in enumerate(urls))
    answer = post(stack, HEADER + text.getvalue())
    assert answer.status_code == 202, answer.text
    job = answer.json()["request_id"]
    assert finished(stack, job)["status"] == "failed"
    images = httpx.get(f"{stack.url}/api/jobs/{job}/images?limit=1000").json()["results"]
    assert len(images) == len(urls)
    assert {(image["error"]["code"], image["error"]["detail"]) for image in images} == {
        ("blocked_address", "This address is not one that may be fetched.")
    }
    lines = list(csv.reader(io.StringIO(httpx.get(f"{stack.url}/imgproc/result/{job}/").text)))
    assert all(line[4].endswith(": blocked_address") for line in lines[1:])
    assert origin.seen == []


def test_no_private_address_becomes_a_webhook(stack: Stack, origin: Origin) -> None:
    for url in BLOCKED:
        named = url.replace("{port}", str(origin.port))
        answer = httpx.post(f"{stack.url}/api/webhooks", json={"url": named})
        wanted = "blank" if not named else "blocked_address"
        if len(named.strip()) == len(named):  # white space at the ends is not part of an address
            assert (answer.status_code, answer.json()["errors"][0]["code"]) == (400, wanted), named
    one = f"http://2130706433:{origin.port}/"
    refused = httpx.post(f"{stack.url}/imgproc/upload", files={"file": b"x"}, data={"webhook_url": one})
    assert (refused.status_code, refused.json()["code"]) == (400, "blocked_address")
    assert origin.seen == []


def test_a_bad_csv_is_refused_with_its_lines(stack: Stack) -> None:
    answer = post(stack, HEADER + "1,A,http://example.com/a.jpg\n2,B\n3,C,\n")
    assert answer.status_code == 400
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert [(error["line"], error["code"]) for error in answer.json()["errors"]] == [
        (3, "wrong_cells"),
        (4, "no_url"),
    ]


@pytest.mark.parametrize("kind", ["nothing", "other field", "two", "no multipart", "too large"])
def test_what_is_no_csv_upload_is_refused(stack: Stack, kind: str) -> None:
    url, good = f"{stack.url}/imgproc/upload", (HEADER + "1,A,http://example.com/a.jpg\n").encode()
    answers = {
        "nothing": lambda: httpx.post(url, data={"a": "b"}, files={}),
        "other field": lambda: httpx.post(url, files={"csv": good}),
        "two": lambda: httpx.post(url, files=[("file", good), ("file", good)]),
        "no multipart": lambda: httpx.post(url, json={"file": "x"}),
        "too large": lambda: post(stack, b"x" * 20_000_000),
    }
    answer = answers[kind]()
    wanted = {"two": 413, "too large": 413, "nothing": 415, "no multipart": 415}
    assert answer.status_code == wanted.get(kind, 400), answer.text
    assert answer.json()["errors"]


def test_a_dry_run_only_checks(stack: Stack) -> None:
    before = httpx.get(f"{stack.url}/api/jobs").json()["results"]
    rows = '1,A,"http://example.com/a.jpg,http://127.0.0.1/b.jpg"\n'
    answer = post(stack, HEADER + rows, "?dry_run=1")
    assert answer.status_code == 200
    assert (answer.json()["rows"], answer.json()["urls"]) == (1, 2)
    assert [(w["line"], w["code"]) for w in answer.json()["warnings"]] == [(2, "blocked_address")]
    assert post(stack, HEADER + "1,A\n", "?dry_run=1").status_code == 400
    assert post(stack, HEADER + rows, "?dry_run=maybe").status_code == 400
    assert httpx.get(f"{stack.url}/api/jobs").json()["results"] == before


def test_a_request_sent_again_makes_one_job(stack: Stack) -> None:
    data, headers = HEADER + "1,A,http://127.0.0.1/a.jpg\n", {"Idempotency-Key": "csv-1"}
    first, second = (post(stack, data, headers=headers) for _ in range(2))
    assert first.status_code == second.status_code == 202
    assert first.json() == second.json()
    other = post(stack, data + "2,B,http://127.0.0.1/b.jpg\n", headers=headers)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")


def test_others_and_other_jobs_are_not_found(stack: Stack) -> None:
    job = post(stack, HEADER + "1,A,http://127.0.0.1/a.jpg\n").json()["request_id"]
    finished(stack, job)
    token = {"Authorization": f"Bearer {stack.token}"}
    for path in (f"status/{job}/", f"result/{job}/"):
        assert httpx.get(f"{stack.url}/imgproc/{path}").status_code == 200
        assert httpx.get(f"{stack.url}/imgproc/{path}", headers=token).status_code == 404
    assert httpx.get(f"{stack.url}/imgproc/status/{'0' * 8}-0000-0000-0000-{'0' * 12}/").status_code == 404


def test_a_slash_more_or_less_is_the_same(stack: Stack) -> None:
    data = {"file": ("a.csv", (HEADER + "1,A,http://127.0.0.1/a.jpg\n").encode())}
    assert httpx.post(f"{stack.url}/imgproc/upload/", files=data).status_code == 202
    for slash in ("", "/"):
        answer = httpx.get(f"{stack.url}/imgproc/check_db_connection{slash}")
        assert (answer.status_code, answer.json()) == (200, {"db_status": "connected"})


def test_thousands_of_rows_are_taken_in_at_once(stack: Stack) -> None:
    rows = "".join(f"{n},Product {n},http://127.0.0.1/{n}.jpg\n" for n in range(5000))
    answer = post(stack, HEADER + rows)
    assert answer.status_code == 202, answer.text
    job = answer.json()["request_id"]
    assert httpx.post(f"{stack.url}/api/jobs/{job}/cancel", timeout=60).status_code == 202
    status = finished(stack, job)
    assert (status["total"], status["failed"]) == (5000, 5000)
    lines = httpx.get(f"{stack.url}/imgproc/result/{job}/", timeout=60).text.splitlines()
    assert len(lines) == 5001


def test_the_start_says_nothing_of_private_addresses(stack: Stack) -> None:
    assert "IMAGEAPI_ALLOW_PRIVATE_URLS" not in stack.output


def test_an_origin_is_no_reply_to_a_blocked_name(stack: Stack, origin: Origin) -> None:
    """A name of this machine itself, as /etc/hosts has it."""
    origin.serve("/a.jpg", Reply(200, b"x"))
    job = post(stack, HEADER + f"1,A,http://ip6-localhost:{origin.port}/a.jpg\n").json()["request_id"]
    finished(stack, job)
    image = httpx.get(f"{stack.url}/api/jobs/{job}/images").json()["results"][0]
    assert image["error"]["code"] in ("blocked_address", "fetch_failed")
    assert origin.seen == []
