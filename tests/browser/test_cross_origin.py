"""A page of another origin in a real Chromium, with a bearer token and the browser's own preflights."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Browser

from tests.drawing import photo
from tests.origins import Origin, Reply, origin_server
from tests.serving import web_server
from tests.stack import Stack

# What an app does: send files with headers of its own, follow the job, read what a refusal says.
APP = """async ([base, token, bytes]) => {
    const headers = { Authorization: `Bearer ${token}` };
    const form = new FormData();
    form.append("images", new Blob([new Uint8Array(bytes)]), "a.jpg");
    const sent = await fetch(`${base}/api/async/upload`, {
        method: "POST", body: form, headers: { ...headers, "Idempotency-Key": "once" },
    });
    const location = sent.headers.get("Location");
    const job = await fetch(base + location, { headers });
    const refused = await fetch(`${base}/api/images/check`, {
        method: "POST", body: "{", headers: { ...headers, "Content-Type": "application/json" },
    });
    const gone = await fetch(base + location, { method: "DELETE", headers });
    const nobody = await fetch(`${base}/api/me`);
    return {
        sent: sent.status, location, job: job.status, etag: job.headers.get("ETag"),
        limit: job.headers.get("RateLimit"), id: job.headers.get("X-Request-ID"),
        refused: (await refused.json()).code, gone: gone.status, nobody: nobody.status,
    };
}"""


@pytest.fixture
def app() -> Any:
    with origin_server() as origin:
        origin.serve(
            "/", Reply(body=b"<!doctype html><title>App</title>", headers={"Content-Type": "text/html"})
        )
        yield origin


def ran(browser: Browser, app: Origin, base: str, token: str) -> dict[str, Any]:
    page = browser.new_page()
    try:
        page.goto(f"{app.url}/")
        return page.evaluate(APP, [base, token, list(photo(5, 60, 40))])
    finally:
        page.close()


def test_a_page_of_an_allowed_origin_uploads_with_a_token(
    browser: Browser, closed_stack: Stack, app: Origin
) -> None:
    with web_server(closed_stack, IMAGEAPI_CORS_ORIGINS=app.url, IMAGEAPI_ANONYMOUS_PLAN=None) as url:
        seen = ran(browser, app, url, closed_stack.token)
    assert (seen["sent"], seen["job"], seen["gone"], seen["nobody"]) == (202, 200, 405, 401)
    assert seen["location"].startswith("/api/jobs/")
    assert all((seen["etag"], seen["limit"], seen["id"]))
    assert seen["refused"] == "parse_error"


def test_a_page_of_another_origin_is_stopped_by_the_browser(
    browser: Browser, closed_stack: Stack, app: Origin
) -> None:
    others = "https://app.example"
    with (
        web_server(closed_stack, IMAGEAPI_CORS_ORIGINS=others, IMAGEAPI_ANONYMOUS_PLAN=None) as url,
        pytest.raises(Exception, match="Failed to fetch"),
    ):
        ran(browser, app, url, closed_stack.token)
