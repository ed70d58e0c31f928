"""The canvas panel of the page."""

from __future__ import annotations

import re

import httpx
import pytest
from playwright.sync_api import Locator, Page, expect

WATCH = """
window.shown = [];
new MutationObserver((changes) => {
  const added = changes.flatMap(({ addedNodes }) => [...addedNodes]);
  window.shown.push(...added.map(({ alt }) => alt ?? "").filter((alt) => alt.startsWith("The canvas")));
}).observe(document.querySelector("#drawer"), { childList: true, subtree: true });
"""


@pytest.fixture
def panel(page: Page) -> Page:
    page.evaluate(WATCH)
    opened(page)
    return page


def opened(page: Page) -> None:
    page.get_by_role("button", name="More ways to add").click()
    page.get_by_role("button", name="A canvas, filled pixel by pixel").click()
    page.get_by_role("button", name="Start").wait_for()


def status(panel: Page) -> Locator:
    return panel.locator(".canvas-status")


def start(panel: Page, width: int, height: int, granular: int) -> None:
    for label, value in (("Width", width), ("Height", height), ("Picture every", granular)):
        panel.get_by_label(label).fill(str(value))
    panel.get_by_role("button", name="Start").click()


def test_it_shows_a_canvas_filling_until_every_pixel_has_its_colour(panel: Page) -> None:
    start(panel, 120, 80, 5)
    expect(status(panel)).to_have_text("Every pixel has its own colour", timeout=30_000)
    picture = panel.get_by_alt_text("The canvas, 100 % coloured")
    expect(picture).to_be_visible()
    assert picture.evaluate("image => [image.naturalWidth, image.naturalHeight]") == [120, 80]
    assert picture.evaluate("image => image.src").endswith("/original"), "a small canvas is shown exactly"
    percents = [int(re.findall(r"\d+", alt)[0]) for alt in panel.evaluate("window.shown")]
    assert percents == sorted(percents)
    assert len(percents) > 3
    expect(panel.locator("progress.canvas-bar")).to_have_js_property("value", 100)
    expect(panel.get_by_role("button", name="Start")).to_be_enabled()
    expect(panel.get_by_role("button", name="Cancel")).to_be_disabled()


def test_a_large_one_is_shown_by_its_rendition(panel: Page) -> None:
    start(panel, 1000, 600, 50)
    picture = panel.get_by_alt_text("The canvas, 100 % coloured")
    expect(picture).to_be_visible(timeout=30_000)
    assert "/media/" in picture.evaluate("image => image.src")


def test_it_can_be_cancelled(panel: Page) -> None:
    start(panel, 2500, 2500, 1)
    expect(status(panel)).to_have_text(re.compile("[1-9] % coloured"), timeout=30_000)
    panel.get_by_role("button", name="Cancel").click()
    expect(status(panel)).to_have_text(re.compile("Cancelled at"), timeout=30_000)
    expect(panel.get_by_role("button", name="Start")).to_be_enabled()


def test_a_new_page_shows_the_canvas_that_is_under_way(panel: Page, api: httpx.Client) -> None:
    asked = {"width": 2500, "height": 2500, "granular": 1}
    job = api.post("/api/canvas", json=asked).json()["id"]
    panel.reload()
    opened(panel)
    expect(panel.get_by_role("button", name="Cancel")).to_be_enabled(timeout=30_000)
    expect(status(panel)).to_have_text(re.compile("[1-9] % coloured"), timeout=30_000)
    api.post(f"/api/jobs/{job}/cancel")
    expect(status(panel)).to_have_text(re.compile("Cancelled at"), timeout=30_000)


def test_it_says_what_the_server_refuses(panel: Page) -> None:
    panel.locator("form.canvas-form").evaluate("form => { form.noValidate = true; }")
    panel.get_by_label("Width").evaluate("input => { input.value = 5000; }")
    with panel.expect_response("**/api/canvas"):
        panel.get_by_role("button", name="Start").click()
    expect(status(panel)).to_contain_text("4096")
