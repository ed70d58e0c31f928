"""What a page of another origin may do: call with a token, and read every answer."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from imageapi.serving.cross_origin import EXPOSED
from tests.serving import web_server
from tests.stack import Stack
from uploads.access.origins import is_foreign

PAGE = "https://app.example"
PATHS = (
    *("/api/upload", "/api/async/upload", "/api/async/batch/upload/", "/api/list", "/api/me", "/api/uploads"),
    *("/api/jobs/01939a5c-7c1d-7d0a-b0f4-3f6a1c2e9d10/events", "/imgproc/upload", "/imgproc/status/1/"),
    *("/ping", "/pong/", "/api/schema/", "/healthz/ready", "/links/x", "/media/a/b"),
)


@pytest.fixture(scope="module")
def shared(stack: Stack) -> Iterator[str]:
    with web_server(stack, IMAGEAPI_CORS_ORIGINS=f"{PAGE},http://localhost:3000") as url:
        yield url


def preflight(url: str, origin: str = PAGE) -> httpx.Response:
    asked = {
        "Origin": origin,
        "Access-Control-Request-Method": "PATCH",
        "Access-Control-Request-Headers": "authorization,idempotency-key,x-of-their-own",
    }
    return httpx.options(url, headers=asked)


@pytest.mark.parametrize("path", PATHS)
def test_every_path_of_the_api_answers_the_preflight_of_an_allowed_origin(shared: str, path: str) -> None:
    answer = preflight(f"{shared}{path}")
    assert (answer.status_code, answer.content) == (204, b"")
    assert answer.headers["Access-Control-Allow-Origin"] == PAGE
    assert "PATCH" in answer.headers["Access-Control-Allow-Methods"]
    allowed = answer.headers["Access-Control-Allow-Headers"]
    assert {"authorization", "idempotency-key", "x-of-their-own"} <= set(allowed.split(","))
    assert "Access-Control-Allow-Credentials" not in answer.headers


@pytest.mark.parametrize("origin", ["https://evil.example", "https://app.example.evil.example", "null"])
def test_other_origins_are_told_nothing(shared: str, origin: str) -> None:
    answer = preflight(f"{shared}/api/me", origin)
    assert "Access-Control-Allow-Origin" not in answer.headers
    answer = httpx.get(f"{shared}/healthz/live", headers={"Origin": origin})
    assert answer.status_code == 200
    assert "Access-Control-Allow-Origin" not in answer.headers
    assert "Origin" in answer.headers["Vary"]


def test_a_page_reads_answers_and_refusals_with_all_headers(shared: str, stack: Stack) -> None:
    headers = {"Origin": PAGE, "Authorization": f"Bearer {stack.token}"}
    answers = {
        200: httpx.get(f"{shared}/api/me", headers=headers),
        404: httpx.get(f"{shared}/api/nothing", headers=headers),
        401: httpx.get(f"{shared}/api/me", headers=headers | {"Authorization": "Bearer no"}),
        400: httpx.post(f"{shared}/api/tokens", headers=headers, content=b"{"),
    }
    for status, answer in answers.items():
        assert answer.status_code in (status, 415)
        assert answer.headers["Access-Control-Allow-Origin"] == PAGE
        exposed = answer.headers["Access-Control-Expose-Headers"].split(", ")
        assert exposed == list(EXPOSED)
        assert {
            "Location",
            "Link",
            "ETag",
            "Retry-After",
            "RateLimit",
            "Tus-Resumable",
            "Upload-Offset",
        } <= set(exposed)
    assert "RateLimit" in answers[200].headers


def test_a_cookie_from_another_origin_is_nobodys(shared: str, stack: Stack) -> None:
    with httpx.Client(base_url=shared) as person:
        person.get("/login")
        form = {"username": stack.username, "password": stack.password}
        form["csrfmiddlewaretoken"] = person.cookies["csrftoken"]
        assert person.post("/login", data=form).status_code == 302
        assert person.get("/api/me").json()["user"]["username"] == stack.username
        answer = person.get("/api/me", headers={"Origin": PAGE})
        assert (answer.status_code, answer.json()["code"]) == (403, "foreign_origin")


def test_all_origins_where_all_are_allowed(stack: Stack) -> None:
    with web_server(stack, IMAGEAPI_CORS_ORIGINS="*") as url:
        answer = preflight(f"{url}/api/me", "https://anybody.example")
        assert answer.headers["Access-Control-Allow-Origin"] == "https://anybody.example"
        assert preflight(f"{url}/api/me", "null").headers["Access-Control-Allow-Origin"] == "null"


def test_no_origin_by_default_and_never_the_admin(stack: Stack, shared: str) -> None:
    assert "Access-Control-Allow-Origin" not in preflight(f"{stack.url}/api/me").headers
    assert "Access-Control-Allow-Origin" not in preflight(f"{shared}/admin/login/").headers


@pytest.mark.parametrize(
    ("origin", "host", "foreign"),
    [
        (None, "a.example", False),
        ("http://a.example", "a.example", False),
        ("http://a.example", "a.example:80", False),
        ("https://a.example", "A.example:443", False),
        ("http://a.example:8000", "a.example:8000", False),
        ("http://a.example", "a.example:443", True),
        ("http://a.example", "a.example:8000", True),
        ("http://b.example", "a.example", True),
        ("null", "a.example", True),
        ("http://[", "a.example", True),
    ],
)
def test_an_origin_is_foreign_by_host_and_port(origin: str | None, host: str, foreign: bool) -> None:
    assert is_foreign(origin, host) is foreign


def test_a_host_with_the_default_port_is_the_pages_own(stack: Stack) -> None:
    with web_server(stack, ALLOWED_HOSTS="photos.example") as url, httpx.Client(base_url=url) as person:
        person.headers.update({"Host": "photos.example:80", "Origin": "http://photos.example"})
        person.get("/login")
        token = person.get("/login").cookies.get("csrftoken") or next(iter(person.cookies.values()))
        person.headers["Cookie"] = f"csrftoken={token}"
        form = {"username": stack.username, "password": stack.password, "csrfmiddlewaretoken": token}
        assert person.post("/login", data=form).status_code == 302
        assert httpx.get(f"{url}/api/me", headers=dict(person.headers)).status_code == 200
