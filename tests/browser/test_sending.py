"""Sending: slow folders, reloads, plain HTTP, failures, each told as it is."""

from __future__ import annotations

import base64
import hashlib
import random
import re
from pathlib import Path

import httpx
from playwright.sync_api import BrowserContext, Page, Route, expect

from tests.browser.test_page import MINUTE, drawn, pick, tiles
from tests.drawing import photo
from tests.stack import Stack

# A folder whose second listing takes its time, as on a network drive.
SLOW_FOLDER = """async (base64) => {
  const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
  const file = (name) => ({ isFile: true, isDirectory: false, name,
    file: (found) => found(new File([bytes, name], name, { type: "image/jpeg" })) });
  const listings = [[file("a.jpg"), file("b.jpg")], [file("c.jpg")], []];
  const folder = { isFile: false, isDirectory: true, name: "folder", createReader: () => ({
    readEntries: (found) => {
      const entries = listings.shift();
      if (listings.length === 1) window.goOn = () => found(entries);
      else found(entries);
    } }) };
  const event = new Event("drop", { bubbles: true, cancelable: true });
  const items = [{ kind: "file", webkitGetAsEntry: () => folder }];
  Object.defineProperty(event, "dataTransfer", { value: { types: ["Files"], items, files: [] } });
  document.body.dispatchEvent(event);
}"""


def until(page: Page, expression: str) -> None:
    """Polls from here: the page's policy lets nobody evaluate text inside of it."""
    for _ in range(600):
        if page.evaluate(expression):
            return
        page.wait_for_timeout(100)
    raise AssertionError(f"not within a minute: {expression}")


def test_a_folder_that_lists_slowly_is_not_done_before_it_is_read(page: Page) -> None:
    page.evaluate(SLOW_FOLDER, base64.b64encode(photo(3001)).decode())
    expect(page.locator("#progress-note")).to_have_text("still reading the folder")
    until(page, "Boolean(window.goOn)")
    leaving = "() => !dispatchEvent(new Event('beforeunload', { cancelable: true }))"
    assert page.evaluate(leaving), "closing warns while files are unread"
    page.evaluate("window.goOn()")
    expect(page.locator("#progress-count")).to_have_text(re.compile("^3 images done"), timeout=MINUTE)
    expect(page.locator("#progress-note")).to_have_text("")
    assert not page.evaluate(leaving)


def test_a_reload_takes_up_what_was_under_way(page: Page, api: httpx.Client) -> None:
    whole = photo(3100, 600, 600)
    cut = {"name": "cut.jpg", "mimeType": "image/jpeg", "buffer": whole[: len(whole) // 3]}
    pick(page, [*drawn(12, seed=3101), cut])
    expect(page.locator("#progress-count")).to_have_text(re.compile(" of 13 |12 images done"))
    until(page, "dispatchEvent(new Event('beforeunload', { cancelable: true }))")
    page.reload()
    expect(page.locator("#progress-count")).to_have_text("12 images done, 1 failed", timeout=MINUTE)
    expect(page.get_by_role("list", name="Failed files")).to_contain_text("cut.jpg")
    page.get_by_role("button", name="Clear").click()
    page.reload()
    page.get_by_text("Live", exact=True).wait_for()
    expect(page.locator("#progress")).to_be_hidden()


def test_nine_files_that_all_fail_leave_nothing_done_in_the_bar(page: Page) -> None:
    files = [
        {"name": f"notes-{index}.jpg", "mimeType": "image/jpeg", "buffer": b"not a picture %d" % index}
        for index in range(9)
    ]
    pick(page, files)
    expect(page.locator("#progress-count")).to_have_text("0 images done, 9 failed", timeout=MINUTE)
    done = page.locator("#overall .done").evaluate("(bar) => bar.getBoundingClientRect().width")
    bad = page.locator("#overall .bad").evaluate("(bar) => bar.getBoundingClientRect().width")
    assert done == 0
    assert bad > 300
    page.get_by_role("button", name="Show files").click()
    expect(page.get_by_text("not a picture we can", exact=False)).to_have_count(9)


def test_a_csv_goes_up_where_the_browser_has_no_random_uuid(context: BrowserContext, stack: Stack) -> None:
    """As on plain HTTP from another machine."""
    page = context.new_page()
    page.add_init_script("delete Crypto.prototype.randomUUID")
    page.goto(stack.url)
    assert page.evaluate("typeof crypto.randomUUID") == "undefined"
    text = "S. No.,Product Name,Input Image Urls\n1,Shoe,http://127.0.0.1/a.jpg\n"
    file = {"name": "list.csv", "mimeType": "text/csv", "buffer": text.encode()}
    page.locator("#file-input").set_input_files(file)
    expect(page.locator(".csv-status")).to_have_text("Finished: 0 of 1 done, 1 failed", timeout=MINUTE)


def test_a_file_over_the_limit_is_refused_in_human_units(page: Page) -> None:
    words = page.evaluate(
        """async () => {
          const { refusalText } = await import("/static/uploads/shared/words.js");
          return refusalText({ code: "file_too_large", limit: 20971520, actual: 31000000, plan: "Basic" });
        }"""
    )
    assert words == "It has 31 MB; the plan Basic takes 21 MB a file."


def test_pasted_pictures_go_up(page: Page) -> None:
    page.evaluate(
        """async () => {
          const canvas = new OffscreenCanvas(40, 30);
          canvas.getContext("2d").fillRect(0, 0, 40, 30);
          const transfer = new DataTransfer();
          transfer.items.add(new File([await canvas.convertToBlob()], "pasted.png", { type: "image/png" }));
          dispatchEvent(new ClipboardEvent("paste", { clipboardData: transfer }));
        }"""
    )
    expect(page.locator("#progress-count")).to_have_text("1 image done", timeout=MINUTE)
    expect(tiles(page)).to_have_count(1)


def choose(page: Page, path: Path) -> None:
    """A file of the disk: the same one has the same time again."""
    with page.expect_file_chooser() as choosing:
        page.get_by_role("button", name="Add images").click()
    choosing.value.set_files(path)


def test_a_large_file_goes_on_where_it_was_after_a_reload(
    page: Page, api: httpx.Client, tmp_path: Path
) -> None:
    # Nothing of what cameras write behind a picture minds a decoder, and every byte counts.
    whole = photo(3400, 640, 480) + random.Random(3400).randbytes(12_000_000)
    large = tmp_path / "large.jpg"
    large.write_bytes(whole)
    offsets: list[int] = []

    def cut(route: Route) -> None:
        """Lets two pieces through, then the network is gone."""
        offsets.append(int(route.request.headers["upload-offset"]))
        if len(offsets) > 2:
            route.abort()
        else:
            route.continue_()

    page.route(
        "**/api/uploads/*", lambda route: cut(route) if route.request.method == "PATCH" else route.continue_()
    )
    choose(page, large)
    expect(page.locator("#progress-note")).to_have_text(
        "Waiting for the server; nothing is lost", timeout=MINUTE
    )
    sent = offsets[2]
    assert 0 < sent < len(whole)
    page.on("dialog", lambda dialog: dialog.accept())
    page.reload()
    # Not before: the page that waits tries again by itself.
    page.unroute_all()
    expect(page.get_by_text("1 file had not been sent when the page was left")).to_be_visible()
    resumed: list[int] = []
    page.on(
        "request",
        lambda request: request.method == "PATCH" and resumed.append(int(request.headers["upload-offset"])),
    )
    choose(page, large)
    expect(page.locator("#progress-count")).to_have_text("1 image done", timeout=MINUTE)
    assert resumed[0] == sent, "nothing that was there is sent again"
    (image,) = (one for one in api.get("/api/list").json() if one["name"] == "large.jpg")
    assert image["checksum"] == f"sha256:{hashlib.sha256(whole).hexdigest()}"
