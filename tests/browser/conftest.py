"""A real Chromium on the real service."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.browser.launching import running_chromium
from tests.feed.people import CLOSED
from tests.stack import Stack, free_port

# On a busy machine a page is slow, not wrong.
expect.set_options(timeout=20_000)


# Not for the whole session: its event loop would run on under the tests of others.
@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with running_chromium() as running:
        yield running


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The service as `make up` starts it: who asks without credentials acts under a plan."""
    env = {"PORT": str(free_port()), "IMAGEAPI_WORKERS": "2"}
    with Stack(tmp_path_factory.mktemp("page"), env) as running:
        yield running


@pytest.fixture(scope="session")
def closed_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The service as others reach it: without an anonymous plan."""
    with Stack(tmp_path_factory.mktemp("closed"), {**CLOSED, "IMAGEAPI_WORKERS": "1"}) as running:
        yield running


@pytest.fixture
def api(stack: Stack) -> Iterator[httpx.Client]:
    """A second client of the same account, which starts and ends without an image."""
    with httpx.Client(base_url=stack.url, timeout=30) as client:
        yield client
        for image in client.get("/api/list", params={"limit": 1000}).json():
            client.delete(f"/api/images/{image['id']}")


@pytest.fixture
def context(browser: Browser, api: httpx.Client) -> Iterator[BrowserContext]:
    made = browser.new_context(viewport={"width": 1280, "height": 900}, reduced_motion="reduce")
    yield made
    made.close()


@pytest.fixture
def page(context: BrowserContext, stack: Stack) -> Iterator[Page]:
    """The page, live; whatever the browser complains of fails the test that saw it."""
    complaints: list[str] = []
    opened = context.new_page()
    listen(opened, complaints)
    opened.goto(stack.url)
    opened.get_by_text("Live", exact=True).wait_for()
    yield opened
    assert complaints == []


def listen(page: Page, complaints: list[str]) -> None:
    page.on("pageerror", lambda error: complaints.append(str(error)))

    def on_console(message: Any) -> None:
        # Chromium logs each refusal and each lost connection itself; those are what some tests are about.
        expected = ("ERR_", "WebSocket", "Failed to load resource")
        if message.type == "error" and not any(text in message.text for text in expected):
            complaints.append(message.text)

    page.on("console", on_console)
