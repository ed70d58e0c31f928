from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from tests.feed.people import Person


@pytest.fixture
def browser(alice: Person) -> Iterator[httpx.Client]:
    """Somebody who has opened the page, and so has its CSRF cookie."""
    with httpx.Client(base_url=alice.url, timeout=30) as client:
        assert client.get("/").status_code == 200
        yield client


def sign_in(browser: httpx.Client, name: str, password: str) -> httpx.Response:
    token = browser.cookies["csrftoken"]
    form = {"username": name, "password": password, "csrfmiddlewaretoken": token}
    return browser.post("/login", data=form)


def test_a_stranger_sees_the_sign_in_form_and_nothing_else(browser: httpx.Client) -> None:
    page = browser.get("/")
    assert 'name="password"' in page.text
    assert 'id="grid"' not in page.text


def test_signing_in_opens_the_page_and_the_api(browser: httpx.Client, alice: Person) -> None:
    answer = sign_in(browser, alice.name, "correct horse")
    assert (answer.status_code, answer.headers["Location"]) == (302, "/")
    assert 'id="grid"' in browser.get("/").text
    assert browser.get("/api/feed").status_code == 200


def test_a_wrong_password_brings_the_form_back_with_the_reason(browser: httpx.Client, alice: Person) -> None:
    answer = sign_in(browser, alice.name, "wrong")
    assert answer.status_code == 401
    assert "do not belong together" in answer.text
    assert browser.get("/api/feed").status_code == 401


def test_guessing_is_slowed_down(browser: httpx.Client, charlie: Person) -> None:
    answers = [sign_in(browser, charlie.name, f"guess {number}") for number in range(11)]
    assert [answer.status_code for answer in answers] == [401] * 10 + [429]
    assert int(answers[-1].headers["Retry-After"]) > 0
    assert "10 attempts" in answers[-1].text


@pytest.mark.parametrize("path", ["/login", "/logout"])
def test_no_other_page_can_sign_anybody_in_or_out(browser: httpx.Client, path: str) -> None:
    answer = browser.post(path, data={"username": "a", "password": "b"})
    assert (answer.status_code, answer.json()["code"]) == (403, "csrf_failed")


def test_changes_by_cookie_need_the_csrf_token(browser: httpx.Client, alice: Person) -> None:
    sign_in(browser, alice.name, "correct horse")
    answer = browser.post("/api/images/check", json={"checksums": []})
    assert answer.status_code == 403
    token = {"X-CSRFToken": browser.cookies["csrftoken"]}
    assert browser.post("/api/images/check", json={"checksums": []}, headers=token).status_code == 200


def test_signing_out_ends_the_session(browser: httpx.Client, alice: Person) -> None:
    sign_in(browser, alice.name, "correct horse")
    token = {"X-CSRFToken": browser.cookies["csrftoken"]}
    assert browser.post("/logout", headers=token).status_code == 302
    assert browser.get("/api/feed").status_code == 401


@pytest.mark.parametrize(
    "body",
    ["", "username=a", "username=a%00&password=b", "password=b", "[]", f"username={'a' * 999}&password=b"],
)
def test_no_body_breaks_it(browser: httpx.Client, body: str) -> None:
    kind = "application/x-www-form-urlencoded"
    headers = {"X-CSRFToken": browser.cookies["csrftoken"], "Content-Type": kind}
    assert browser.post("/login", content=body, headers=headers).status_code == 400


def test_the_page_comes_with_a_strict_policy_and_names_no_other_host(browser: httpx.Client) -> None:
    page = browser.get("/")
    policy = page.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "<script>" not in page.text
    assert "style=" not in page.text
    assert "//" not in page.text.replace("http://www.w3.org/", "")
