"""The canvas panel, alone on a page, with the real service behind it."""

from __future__ import annotations

import re
from collections.abc import Iterator

import httpx
import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.browser.conftest import listen
from tests.stack import Stack

SCRIPT = """
import { mount } from "/static/uploads/canvas.js";
async function request(path, { method = "GET", json } = {}) {
  const headers = json ? { "Content-Type": "application/json" } : {};
  const answer = await fetch(path, { method, headers, body: json && JSON.stringify(json) });
  const said = await answer.json();
  if (!answer.ok) throw new Error(said.detail);
  return said;
}
window.shown = [];
new MutationObserver((changes) => {
  const added = changes.flatMap(({ addedNodes }) => [...addedNodes]);
  window.shown.push(...added.filter(({ alt }) => alt).map(({ alt }) => alt));
}).observe(document.body, { childList: true, subtree: true });
const section = document.createElement("section");
document.body.replaceChildren(section);
mount(section, { request });
"""


@pytest.fixture
def client(stack: Stack) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=stack.url, timeout=30) as opened:
        yield opened


@pytest.fixture
def panel(context: BrowserContext, stack: Stack) -> Iterator[Page]:
    complaints: list[str] = []
    page = context.new_page()
    listen(page, complaints)
    # Any real document of the service will do; one made up by the test may not open sockets to this machine.
    page.goto(f"{stack.url}/healthz/live")
    page.add_style_tag(url="/static/uploads/canvas.css")
    page.add_script_tag(type="module", content=SCRIPT)
    yield page
    assert page.locator("section [style]").count() == 0, "a strict content policy forbids inline styles"
    # Chromium itself complains of each 4xx; one test is about that.
    assert [said for said in complaints if "status of 400" not in said] == []


def start(panel: Page, width: int, height: int, granular: int) -> None:
    for label, value in (("Width", width), ("Height", height), ("Picture every", granular)):
        panel.get_by_label(label).fill(str(value))
    panel.get_by_role("button", name="Start").click()


def test_it_shows_a_canvas_filling_until_every_pixel_has_its_colour(panel: Page) -> None:
    start(panel, 120, 80, 5)
    expect(panel.get_by_role("status")).to_have_text("Every pixel has its own colour", timeout=30_000)
    picture = panel.get_by_alt_text("The canvas, 100 % coloured")
    expect(picture).to_be_visible()
    assert picture.evaluate("image => [image.naturalWidth, image.naturalHeight]") == [120, 80]
    assert picture.evaluate("image => image.src").endswith("/original"), "a small canvas is shown exactly"
    percents = [int(re.findall(r"\d+", alt)[0]) for alt in panel.evaluate("window.shown")]
    assert percents == sorted(percents)
    assert len(percents) > 3
    expect(panel.get_by_role("progressbar")).to_have_js_property("value", 100)
    expect(panel.get_by_role("button", name="Start")).to_be_enabled()
    expect(panel.get_by_role("button", name="Cancel")).to_be_disabled()


def test_a_large_one_is_shown_by_its_rendition(panel: Page) -> None:
    start(panel, 1000, 600, 50)
    picture = panel.get_by_alt_text("The canvas, 100 % coloured")
    expect(picture).to_be_visible(timeout=30_000)
    assert "/media/" in picture.evaluate("image => image.src")


def test_it_can_be_cancelled(panel: Page) -> None:
    start(panel, 2500, 2500, 1)
    expect(panel.get_by_role("status")).to_have_text(re.compile("[1-9] % coloured"), timeout=30_000)
    panel.get_by_role("button", name="Cancel").click()
    expect(panel.get_by_role("status")).to_have_text(re.compile("Cancelled at"), timeout=30_000)
    expect(panel.get_by_role("button", name="Start")).to_be_enabled()


def test_a_new_page_shows_the_canvas_that_is_under_way(panel: Page, client: httpx.Client) -> None:
    asked = {"width": 2500, "height": 2500, "granular": 1}
    job = client.post("/api/canvas", json=asked).json()["id"]
    panel.add_script_tag(type="module", content=SCRIPT)
    expect(panel.get_by_role("button", name="Cancel")).to_be_enabled(timeout=30_000)
    expect(panel.get_by_role("status")).to_have_text(re.compile("[1-9] % coloured"), timeout=30_000)
    client.post(f"/api/jobs/{job}/cancel")
    expect(panel.get_by_role("status")).to_have_text(re.compile("Cancelled at"), timeout=30_000)


def test_it_says_what_the_server_refuses(panel: Page) -> None:
    panel.locator("form").evaluate("form => { form.noValidate = true; }")
    panel.get_by_label("Width").evaluate("input => { input.value = 5000; }")
    with panel.expect_response("**/api/canvas"):
        panel.get_by_role("button", name="Start").click()
    expect(panel.get_by_role("status")).to_contain_text("4096")
