"""The CSV panel of the page."""

from __future__ import annotations

import httpx
import pytest
from playwright.sync_api import Page, expect

HEADER = "S. No.,Product Name,Input Image Urls\n"
# Nobody may make the service ask its own network: both addresses fail by themselves, at once.
PRIVATE = HEADER + '1,Shoe,"http://127.0.0.1/a.jpg,http://10.0.0.1/b.jpg"\n'


@pytest.fixture
def panel(page: Page) -> Page:
    page.get_by_role("button", name="More ways to add").click()
    page.get_by_role("button", name="A CSV of image addresses").click()
    page.get_by_label("Choose a CSV").wait_for()
    return page


def choose(panel: Page, text: str) -> None:
    file = {"name": "list.csv", "mimeType": "text/csv", "buffer": text.encode()}
    panel.get_by_label("Choose a CSV").set_input_files(file)


def test_it_follows_the_job_and_offers_the_results(panel: Page, api: httpx.Client) -> None:
    choose(panel, PRIVATE)
    expect(panel.locator(".csv-status")).to_have_text("Finished: 0 of 2 done, 2 failed")
    failures = panel.get_by_label("What is wrong with the CSV").get_by_role("listitem")
    expect(failures).to_have_count(2)
    expect(failures.first).to_contain_text("may be fetched")
    address = panel.get_by_role("link", name="Download the results").get_attribute("href")
    assert address is not None
    lines = api.get(address).text.splitlines()
    assert "Errors" in lines[0]
    assert len(lines) == 2


def test_a_bad_file_is_told_line_by_line(panel: Page) -> None:
    choose(panel, HEADER + "1,Shoe,http://example.com/a.jpg\n2,Coat,\n")
    lines = panel.get_by_label("What is wrong with the CSV").get_by_role("listitem")
    expect(lines).to_have_text(["Line 3: it names no image address."])
    expect(panel.get_by_role("link", name="Download the results")).to_be_hidden()


DROP = """
async (text) => {
  const transfer = new DataTransfer();
  transfer.items.add(new File([text], "list.csv", { type: "text/csv" }));
  window.dispatchEvent(new DragEvent("drop", { dataTransfer: transfer, bubbles: true, cancelable: true }));
}
"""


def test_a_csv_dropped_anywhere_on_the_page_opens_it(page: Page) -> None:
    page.evaluate(DROP, PRIVATE)
    expect(page.locator(".csv-status")).to_have_text("Finished: 0 of 2 done, 2 failed")


def test_a_csv_picked_among_pictures_opens_it(page: Page) -> None:
    file = {"name": "list.csv", "mimeType": "text/csv", "buffer": PRIVATE.encode()}
    page.locator("#file-input").set_input_files(file)
    expect(page.locator(".csv-status")).to_have_text("Finished: 0 of 2 done, 2 failed")
    expect(page.locator("#progress-count")).to_be_hidden()
