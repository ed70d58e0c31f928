"""Pages that Django and others write, under our Content-Security-Policy in a real browser."""

from __future__ import annotations

from playwright.sync_api import Browser, expect

from tests.browser.conftest import listen
from tests.drawing import photo
from tests.serving import web_server
from tests.stack import Stack

POLICY = "content-security-policy"


def test_the_description_works_under_a_policy(browser: Browser, stack: Stack) -> None:
    complaints: list[str] = []
    page = browser.new_page()
    listen(page, complaints)
    answer = page.goto(f"{stack.url}/api/docs/")
    assert answer is not None
    assert "script-src 'self';" in answer.headers[POLICY]
    expect(page.get_by_role("heading", name="imageapi")).to_be_visible()
    page.locator(".opblock-summary", has_text="/api/me").first.click()
    expect(page.get_by_role("button", name="Try it out")).to_be_visible()
    page.close()
    assert complaints == []


def test_the_admin_works_under_a_policy(browser: Browser, stack: Stack) -> None:
    complaints: list[str] = []
    page = browser.new_page()
    listen(page, complaints)
    files = {"image": {"name": "a.jpg", "mimeType": "image/jpeg", "buffer": photo(3, 300, 200)}}
    headers = {"Authorization": f"Bearer {stack.token}"}
    assert page.request.post(f"{stack.url}/api/upload", multipart=files, headers=headers).ok
    answer = page.goto(f"{stack.url}/admin/login/")
    assert answer is not None
    assert "script-src 'self';" in answer.headers[POLICY]
    page.get_by_label("Username").fill(stack.username)
    page.get_by_label("Password").fill(stack.password)
    page.get_by_role("button", name="Log in").click()
    for path in ("processing/image/", "processing/job/", "processing/user/add/", "processing/plan/1/change/"):
        answer = page.goto(f"{stack.url}/admin/{path}")
        assert answer is not None
        assert answer.ok, path
        assert POLICY in answer.headers, path
    page.goto(f"{stack.url}/admin/processing/image/")
    shown = page.locator("img.look-thumbnail").first
    expect(shown).to_be_visible()
    assert shown.evaluate("image => image.complete && image.naturalWidth > 0")
    page.close()
    assert complaints == []


def test_the_page_works_below_a_path(browser: Browser, stack: Stack) -> None:
    complaints: list[str] = []
    with web_server(stack, FORCE_SCRIPT_NAME="/img", IMAGEAPI_ANONYMOUS_PLAN="Enterprise") as url:
        page = browser.new_page()
        listen(page, complaints)
        page.goto(f"{url}/img/")
        page.get_by_text("Live", exact=True).wait_for()
        files = {"image": {"name": "below.jpg", "mimeType": "image/jpeg", "buffer": photo(9, 320, 240)}}
        assert page.request.post(f"{url}/img/api/upload", multipart=files).ok
        expect(page.get_by_role("article").first).to_be_visible()
        page.close()
    assert complaints == []
