from __future__ import annotations

import base64
import re
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect

from tests.browser.conftest import listen
from tests.drawing import drawn_photo, encoded, photo
from tests.feed.people import plain
from tests.stack import Stack

MINUTE = 60_000
DROP = """async (files) => {
    const transfer = new DataTransfer();
    for (const [name, base64] of files) {
        const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
        transfer.items.add(new File([bytes], name, { type: "image/jpeg" }));
    }
    for (const type of ["dragenter", "dragover", "drop"]) {
        const event = new DragEvent(type, { dataTransfer: transfer, bubbles: true, cancelable: true });
        document.body.dispatchEvent(event);
    }
}"""


def upload(api: httpx.Client, *pictures: bytes) -> list[str]:
    """Ids of images that a second client has had made."""
    found = []
    for data in pictures:
        answer = api.post("/api/upload", files={"image": ("second.png", data, "image/png")})
        assert answer.status_code == 200, answer.text
        found.append(answer.json()["image"]["id"])
    return found


def drawn(count: int, seed: int = 1, size: tuple[int, int] = (320, 240)) -> list[dict[str, Any]]:
    return [
        {"name": f"drawn-{index:03}.jpg", "mimeType": "image/jpeg", "buffer": photo(seed + index, *size)}
        for index in range(count)
    ]


def tiles(page: Page) -> Locator:
    return page.get_by_role("article")


def pick(page: Page, files: list[dict[str, Any]]) -> None:
    with page.expect_file_chooser() as choosing:
        page.get_by_role("button", name="Add images").click()
    choosing.value.set_files(files)


def turn(page: Page, hue: int) -> None:
    page.get_by_label("Hue", exact=True).evaluate(
        "(slider, hue) => { slider.value = hue; slider.dispatchEvent(new Event('input')); }", hue
    )


def test_an_empty_page_tells_what_to_do(page: Page) -> None:
    expect(page.get_by_role("heading", name="No pictures yet")).to_be_visible()
    with page.expect_file_chooser():
        page.locator("#empty-button").click()


def test_picked_files_go_up_and_appear(page: Page, api: httpx.Client) -> None:
    pick(page, drawn(40))
    expect(page.locator("#progress-count")).to_have_text("40 images done", timeout=MINUTE)
    expect(page.get_by_role("progressbar", name="All files")).to_have_attribute("aria-valuenow", "100")
    assert len(api.get("/api/list").json()) == 40
    assert tiles(page).count() >= 10
    page.get_by_role("button", name="Show files").click()
    expect(page.get_by_role("progressbar", name="drawn-000.jpg")).to_have_attribute("aria-valuenow", "100")
    page.get_by_role("button", name="Clear").click()
    expect(page.locator("#progress")).to_be_hidden()


def test_dropped_files_go_up(page: Page) -> None:
    files = [[item["name"], base64.b64encode(item["buffer"]).decode()] for item in drawn(5, seed=100)]
    page.evaluate(DROP, files)
    expect(page.locator("#progress-count")).to_have_text("5 images done", timeout=MINUTE)
    expect(tiles(page)).to_have_count(5)
    expect(page.locator("#veil")).to_be_hidden()


def test_failures_say_why_and_only_they_are_sent_again(page: Page) -> None:
    whole = photo(201, 600, 600)
    files = [
        *drawn(3, seed=200),
        {"name": "notes.jpg", "mimeType": "image/jpeg", "buffer": b"not a picture"},
        {"name": "cut.jpg", "mimeType": "image/jpeg", "buffer": whole[: len(whole) // 3]},
    ]
    pick(page, files)
    expect(page.locator("#progress-count")).to_have_text("3 images done, 2 failed", timeout=MINUTE)
    failures = page.get_by_role("list", name="Failed files")
    expect(failures.get_by_role("listitem").filter(has_text="notes.jpg")).to_contain_text(
        "not a picture we can"
    )
    expect(failures.get_by_role("listitem").filter(has_text="cut.jpg")).to_contain_text("ends before")
    with (
        page.expect_response(re.compile(r"/batch/upload$")) as again,
        page.expect_response(re.compile(r"/retry$")) as retried,
    ):
        page.get_by_role("button", name="Retry failed").click()
    # What was refused is sent once more; what the server holds, it tries once more.
    assert (again.value.status, retried.value.status) == (400, 202)
    expect(page.locator("#progress-count")).to_have_text("3 images done, 2 failed", timeout=MINUTE)


def test_the_slider_shows_only_its_hue_and_colours_the_page(page: Page, api: httpx.Client) -> None:
    upload(api, plain(0), plain(120), plain(125), plain(None))
    expect(tiles(page)).to_have_count(4)
    before = page.evaluate("getComputedStyle(document.documentElement).backgroundColor")
    turn(page, 120)
    expect(tiles(page)).to_have_count(2)
    expect(page.locator("#hue-name")).to_have_text("Green, 120°")
    expect(page).to_have_url(re.compile(r"#hue=120&tolerance=10$"))
    assert page.evaluate("getComputedStyle(document.documentElement).backgroundColor") != before
    turn(page, 200)
    expect(page.get_by_role("heading", name="Nothing near azure")).to_be_visible()
    page.get_by_role("button", name="Show all colours").click()
    expect(tiles(page)).to_have_count(4)
    expect(page.get_by_role("button", name="All colours", exact=True)).to_have_attribute(
        "aria-pressed", "true"
    )


def test_the_hue_in_the_address_is_the_hue_shown(page: Page, api: httpx.Client, stack: Stack) -> None:
    upload(api, plain(0), plain(240))
    page.goto(f"{stack.url}/#hue=240&tolerance=5")
    expect(tiles(page)).to_have_count(1)
    expect(page.locator("#hue-name")).to_have_text("Blue, 240°")


def test_another_clients_image_slides_in_live(page: Page, api: httpx.Client) -> None:
    upload(api, plain(40))
    expect(tiles(page)).to_have_count(1)
    turn(page, 40)
    upload(api, plain(200))
    newest = upload(api, plain(45))[0]
    expect(page.locator(f'.tile[data-id="{newest}"]')).to_be_visible()
    expect(tiles(page)).to_have_count(2)


def test_what_another_client_deletes_goes(page: Page, api: httpx.Client) -> None:
    first, second = upload(api, plain(1), plain(2))
    expect(tiles(page)).to_have_count(2)
    api.delete(f"/api/images/{first}")
    expect(tiles(page)).to_have_count(1)
    expect(page.locator(f'.tile[data-id="{second}"]')).to_be_visible()


def test_delete_and_undo(page: Page, api: httpx.Client) -> None:
    image = upload(api, plain(90))[0]
    tile = tiles(page).first
    tile.hover()
    tile.get_by_role("button", name="Delete second.png").click()
    expect(tiles(page)).to_have_count(0)
    page.get_by_role("button", name="Undo").click()
    expect(page.locator(f'.tile[data-id="{image}"]')).to_be_visible()
    assert api.get(f"/api/images/{image}").status_code == 200


def test_a_picture_opens_large_and_its_colours_lead_on(page: Page, api: httpx.Client) -> None:
    blue, _ = upload(api, plain(240), encoded(drawn_photo(7, 900, 600), "PNG"))
    expect(tiles(page)).to_have_count(2)
    page.get_by_role("button", name="Open second.png").first.click()
    viewer = page.get_by_role("dialog")
    expect(viewer).to_contain_text("900 × 600")
    page.keyboard.press("ArrowRight")
    expect(viewer).to_contain_text("60 × 40")
    page.keyboard.press("Escape")
    expect(viewer).to_be_hidden()
    expect(page.locator(f'.tile[data-id="{blue}"] .tile-open')).to_be_focused()
    page.keyboard.press("Enter")
    viewer.get_by_role("button", name=re.compile("Show pictures near")).first.click()
    expect(page.locator("#hue-name")).to_have_text("Blue, 240°")
    expect(tiles(page)).not_to_have_count(0)


def test_the_wall_is_walked_by_keyboard(page: Page, api: httpx.Client) -> None:
    ids = upload(api, *[plain(10 * index) for index in range(6)])[::-1]
    expect(tiles(page)).to_have_count(6)
    page.locator(f'.tile[data-id="{ids[0]}"] .tile-open').focus()
    page.keyboard.press("ArrowRight")
    expect(page.locator(f'.tile[data-id="{ids[1]}"] .tile-open')).to_be_focused()
    page.keyboard.press("End")
    expect(page.locator(f'.tile[data-id="{ids[5]}"] .tile-open')).to_be_focused()
    page.keyboard.press("Delete")
    expect(page.locator(f'.tile[data-id="{ids[4]}"] .tile-open')).to_be_focused()
    expect(tiles(page)).to_have_count(5)


def test_only_tiles_near_the_screen_exist_and_urls_are_given_back(page: Page, api: httpx.Client) -> None:
    page.evaluate(
        """() => {
            window.urls = new Set();
            const { createObjectURL, revokeObjectURL } = URL;
            URL.createObjectURL = (file) => {
                const url = createObjectURL.call(URL, file);
                urls.add(url);
                return url;
            };
            URL.revokeObjectURL = (url) => {
                urls.delete(url);
                revokeObjectURL.call(URL, url);
            };
        }"""
    )
    page.get_by_label("Images to upload", exact=True).set_input_files(drawn(150, seed=300, size=(160, 120)))
    page.get_by_role("button", name="Show files").click()
    expect(page.locator("#progress-count")).to_have_text("150 images done", timeout=2 * MINUTE)
    for _ in range(4):
        page.locator("#files").evaluate("(box) => { box.scrollTop += 1500; }")
        expect(page.locator(".file img[src]").first).to_be_visible()
    assert page.locator(".file").count() < 30
    page.get_by_role("button", name="Hide files").click()
    expect(page.locator(".file")).to_have_count(0)
    assert page.evaluate("urls.size") == 0
    seen: set[str] = set()
    while not page.locator("#feed-end").is_visible():
        page.mouse.wheel(0, 900)
        seen |= set(tiles(page).evaluate_all("(all) => all.map((tile) => tile.dataset.id)"))
        assert tiles(page).count() < 110
    expect(page.locator("#feed-end")).to_have_text("That is all: 150 pictures.")
    assert page.evaluate("document.documentElement.scrollHeight") > 4000


LATE_ONES = """async () => {
  const script = performance.getEntriesByType("resource").find((entry) => /grid[^/]*\\.js$/.test(entry.name));
  const { Grid } = await import(script.name);
  const box = document.body.appendChild(document.createElement("div"));
  const grid = new Grid(box, { open() {}, remove() {}, more() {} });
  grid.show([]);
  // The newest comes first, as from a worker that took the end of a batch.
  for (let n = 60; n > 0; n -= 1) grid.insert({ id: String(n).padStart(4, "0"), width: 4, height: 3 });
  cancelAnimationFrame(grid.frame);
  box.remove();
  return grid.columns.map((column) => column.places.map((place) => place.image.id));
}"""


def test_images_that_come_out_of_order_keep_the_columns_even(page: Page) -> None:
    columns = page.evaluate(LATE_ONES)
    lengths = [len(column) for column in columns]
    assert len(columns) > 1
    assert sum(lengths) == 60
    assert max(lengths) - min(lengths) <= 1
    assert all(column == sorted(column, reverse=True) for column in columns)


def test_arrivals_wait_while_the_reader_is_further_down(page: Page, api: httpx.Client) -> None:
    pick(page, drawn(60, seed=500, size=(120, 240)))
    expect(page.locator("#progress-count")).to_have_text("60 images done", timeout=MINUTE)
    page.evaluate("scrollTo(0, 2500)")
    newest = upload(api, plain(40))[0]
    page.get_by_role("button", name="Show 1 new picture").click()
    expect(page.locator(f'.tile[data-id="{newest}"]')).to_be_in_viewport()


@pytest.mark.parametrize("left", ["Streaming", "Polling"])
def test_without_sockets_the_page_streams_and_without_streams_it_polls(
    context: BrowserContext, stack: Stack, api: httpx.Client, left: str
) -> None:
    page = context.new_page()
    page.route_web_socket(re.compile("/ws/"), lambda socket: socket.close())
    if left == "Polling":
        page.route("**/api/events", lambda route: route.abort())
    page.goto(stack.url)
    page.get_by_text(left, exact=True).wait_for()
    image = upload(api, plain(30))[0]
    expect(page.locator(f'.tile[data-id="{image}"]')).to_be_visible()
    page.get_by_label("Images to upload", exact=True).set_input_files(drawn(20, seed=700))
    expect(page.locator("#progress-count")).to_have_text("20 images done", timeout=MINUTE)
    turn(page, 30)
    expect(page.locator(f'.tile[data-id="{image}"]')).to_be_visible()


def test_a_restart_in_the_middle_of_200_files_loses_none(page: Page, stack: Stack, api: httpx.Client) -> None:
    page.get_by_label("Images to upload", exact=True).set_input_files(drawn(200, seed=900, size=(640, 480)))
    expect(page.locator("#progress-count")).to_have_text(re.compile(r"^[1-9]\d* of 200"), timeout=MINUTE)
    stack.stop()
    page.get_by_text("Offline", exact=True).wait_for()
    assert page.locator("#progress-count").inner_text().endswith("of 200 images done")
    stack.start()
    page.get_by_text("Live", exact=True).wait_for(timeout=MINUTE)
    expect(page.locator("#progress-count")).to_have_text("200 images done", timeout=2 * MINUTE)
    images = api.get("/api/list", params={"limit": 1000}).json()
    assert len(images) == 200
    assert {image["status"] for image in images} == {"completed"}
    assert len({image["name"] for image in images}) == 200


def test_signing_in_and_out(browser: Browser, closed_stack: Stack) -> None:
    complaints: list[str] = []
    bearer = {"Authorization": f"Bearer {closed_stack.token}"}
    with httpx.Client(base_url=closed_stack.url, headers=bearer, timeout=30) as client:
        for image in client.get("/api/list").json():
            client.delete(f"/api/images/{image['id']}")
    context = browser.new_context(viewport={"width": 390, "height": 844})
    page = context.new_page()
    listen(page, complaints)
    page.goto(closed_stack.url)
    page.get_by_label("Name").fill(closed_stack.username)
    page.get_by_label("Password").fill("not this")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_contain_text("do not belong together")
    expect(page.get_by_label("Name")).to_have_value(closed_stack.username)
    page.get_by_label("Password").fill(closed_stack.password)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_text("Live", exact=True).wait_for()
    pick(page, drawn(2, seed=1200))
    expect(page.locator("#progress-count")).to_have_text("2 images done", timeout=MINUTE)
    expect(tiles(page)).to_have_count(2)
    tiles(page).first.get_by_role("button", name=re.compile("Delete")).click()
    expect(tiles(page)).to_have_count(1)
    page.get_by_role("button", name="Undo").click()
    expect(tiles(page)).to_have_count(2)
    page.get_by_role("button", name=re.compile("^Account")).click()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_label("Password")).to_be_visible()
    context.close()
    assert [text for text in complaints if "401" not in text] == []


def test_an_administrator_takes_over_what_nobody_signed_for(
    browser: Browser, stack: Stack, api: httpx.Client
) -> None:
    ids = upload(api, plain(10), plain(200))
    before = api.get("/api/me").json()["usage"]["bytes"]
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    page.goto(f"{stack.url}/login")
    page.get_by_label("Name").fill(stack.username)
    page.get_by_label("Password").fill(stack.password)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("button", name="Take them over").click()
    expect(page.get_by_text("2 pictures taken over.")).to_be_visible()
    expect(tiles(page)).to_have_count(2)
    assert api.get("/api/list").json() == []
    left = api.get("/api/me").json()["usage"]["bytes"]
    bearer = {"Authorization": f"Bearer {stack.token}"}
    with httpx.Client(base_url=stack.url, headers=bearer, timeout=30) as client:
        shown = client.get(f"/api/images/{ids[0]}").json()
        assert client.get(f"/api/jobs/{shown['job_id']}").status_code == 200
        assert client.get(shown["original_url"]).status_code == 200
        assert client.get("/api/me").json()["usage"]["bytes"] == before - left > 0
        found = client.get("/api/feed", params={"hue": 200}).json()["images"]
        assert [image["id"] for image in found] == [ids[1]]
        for image in client.get("/api/list").json():
            assert client.delete(f"/api/images/{image['id']}").status_code == 204
    context.close()


@pytest.mark.parametrize("size", [(360, 740), (768, 1024), (1280, 900), (3840, 2160)])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_sticks_out_at_any_size(
    browser: Browser, stack: Stack, api: httpx.Client, size: tuple[int, int], scheme: Any
) -> None:
    upload(api, plain(10), encoded(drawn_photo(3, 300, 900), "PNG"))
    width, height = size
    context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)
    page = context.new_page()
    page.goto(f"{stack.url}/#hue=10")
    expect(tiles(page)).not_to_have_count(0)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    for box in (tile.bounding_box() for tile in tiles(page).all()):
        assert box is not None
        assert 0 <= box["x"] <= box["x"] + box["width"] <= width
    context.close()
