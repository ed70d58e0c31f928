"""The wall: selecting many, the trash, the viewer's address, what stands on it once only."""

from __future__ import annotations

import json
import re
import zipfile

import httpx
import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.test_page import pick, tiles, upload
from tests.drawing import drawn_photo, encoded, photo
from tests.feed.people import plain
from tests.stack import Stack
from tests.waiting import until

LIMIT = 200  # pixels that the head may take before the first picture


@pytest.mark.parametrize("size", [(360, 740), (1440, 900)])
def test_the_first_picture_stands_right_below_the_head(
    page: Page, api: httpx.Client, size: tuple[int, int]
) -> None:
    upload(api, *[plain(30 * index) for index in range(12)])
    page.set_viewport_size({"width": size[0], "height": size[1]})
    expect(tiles(page)).to_have_count(12)
    box = tiles(page).first.bounding_box()
    head = page.locator("header.bar").bounding_box()
    assert box is not None
    assert head is not None
    assert box["y"] - head["height"] < LIMIT


def test_an_undo_waits_for_the_deletion_it_undoes(page: Page, api: httpx.Client) -> None:
    image = upload(api, plain(90))[0]
    expect(tiles(page)).to_have_count(1)
    asked: list[str] = []

    def slowly(route: object) -> None:
        asked.append(route.request.method)  # type: ignore[attr-defined]
        page.wait_for_timeout(700)
        route.continue_()  # type: ignore[attr-defined]

    page.route(f"**/api/images/{image}", slowly)
    page.on("request", lambda request: asked.append("restore") if request.url.endswith("/restore") else None)
    page.locator(f'.tile[data-id="{image}"] .tile-open').focus()
    page.keyboard.press("Delete")
    page.keyboard.press("Control+z")
    expect(page.get_by_role("button", name="Undo")).to_have_count(0)
    expect(page.locator(f'.tile[data-id="{image}"]')).to_be_visible()
    assert asked == ["DELETE", "restore"]
    assert api.get(f"/api/images/{image}").status_code == 200


def test_many_are_selected_by_click_shift_and_keyboard_and_deleted_with_one_undo(
    page: Page, api: httpx.Client
) -> None:
    ids = upload(api, *[plain(20 * index) for index in range(8)])[::-1]
    expect(tiles(page)).to_have_count(8)
    page.get_by_role("button", name="Select", exact=True).click()
    opener = '.tile[data-id="{}"] .tile-open'
    page.locator(opener.format(ids[0])).click()
    page.locator(opener.format(ids[3])).click(modifiers=["Shift"])
    expect(page.locator("#selection-count")).to_have_text("4 selected")
    page.locator(opener.format(ids[6])).focus()
    page.keyboard.press("x")
    expect(page.locator("#selection-count")).to_have_text("5 selected")
    page.get_by_role("toolbar", name="Selected pictures").get_by_role("button", name="Delete").click()
    expect(tiles(page)).to_have_count(3)
    page.get_by_role("button", name="Undo").click()
    expect(tiles(page)).to_have_count(8)
    assert len(api.get("/api/list").json()) == 8


def answered_late(route: Route) -> None:
    response = route.fetch()
    route.request.frame.page.wait_for_timeout(700)
    route.fulfill(response=response)


def test_what_was_deleted_lies_in_the_trash_and_comes_back_from_there(page: Page, api: httpx.Client) -> None:
    kept, gone = upload(api, plain(10), plain(200))
    assert api.delete(f"/api/images/{gone}").status_code == 204
    expect(tiles(page)).to_have_count(1)
    listed = [image["id"] for image in api.get("/api/list", params={"deleted": 1}).json()]
    assert listed[0] == gone
    page.get_by_role("button", name=re.compile("^Account")).click()
    page.get_by_role("button", name="Trash").click()
    expect(page.locator(f'.tile[data-id="{gone}"]')).to_be_visible()
    expect(page.locator(f'.tile[data-id="{kept}"]')).to_have_count(0)
    # The feed hears of it before the answer is here.
    page.route("**/restore", answered_late)
    page.locator(f'.tile[data-id="{gone}"] .tile-remove').click()
    expect(page.locator(f'.tile[data-id="{gone}"]')).to_have_count(0)
    page.get_by_role("button", name="Show all pictures").first.click()
    expect(page.locator(f'.tile[data-id="{gone}"]')).to_be_visible()
    expect(page.locator(f'.tile[data-id="{kept}"]')).to_be_visible()


def test_every_picture_has_an_address_and_back_closes_it(page: Page, api: httpx.Client, stack: Stack) -> None:
    (image,) = upload(api, plain(120))
    tiles(page).first.get_by_role("button", name="Open second.png").click()
    expect(page).to_have_url(re.compile(f"#image={image}$"))
    page.go_back()
    expect(page.locator("#viewer")).to_be_hidden()
    expect(page).to_have_url(f"{stack.url}/")
    # Also one that is not on the wall, because another hue is shown.
    page.goto(f"{stack.url}/#hue=300&tolerance=5&image={image}")
    page.reload()
    expect(page.locator("#viewer-name")).to_have_text("second.png")
    page.keyboard.press("Escape")
    expect(page).to_have_url(re.compile("#hue=300&tolerance=5$"))


def test_a_long_name_does_not_push_the_buttons_out(page: Page, api: httpx.Client) -> None:
    name = "a" * 136 + ".png"
    answer = api.post("/api/upload", files={"image": (name, plain(50), "image/png")})
    assert answer.status_code == 200
    page.get_by_role("button", name=f"Open {name}").click()
    for size in ((360, 740), (1280, 900)):
        page.set_viewport_size({"width": size[0], "height": size[1]})
        box = page.locator("#viewer-delete").bounding_box()
        assert box is not None
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= size[0]


def test_a_second_copy_is_told_and_stands_on_the_wall_once(page: Page) -> None:
    data = photo(2001)
    file = {"name": "one.jpg", "mimeType": "image/jpeg", "buffer": data}
    pick(page, [file])
    expect(page.locator("#progress-count")).to_have_text("1 image done")
    page.get_by_role("button", name="Clear").click()
    pick(page, [{**file, "name": "two.jpg"}])
    expect(page.locator("#progress-count")).to_have_text("1 image done, 1 was already here")
    expect(tiles(page)).to_have_count(1)


def test_a_canvas_stands_on_the_wall_as_its_latest_frame(page: Page, api: httpx.Client) -> None:
    job = api.post("/api/canvas", json={"width": 40, "height": 40, "granular": 20}).json()["id"]
    expect(page.get_by_role("article", name="myImg_100.png")).to_be_visible(timeout=60_000)
    expect(tiles(page)).to_have_count(1)
    assert api.get(f"/api/jobs/{job}").json()["total"] >= 5


def test_the_viewer_offers_what_can_be_copied(page: Page, api: httpx.Client, stack: Stack) -> None:
    upload(api, encoded(drawn_photo(8, 900, 600), "PNG"))
    page.get_by_role("button", name="Open second.png").click()
    page.evaluate(
        "() => { window.copied = []; navigator.clipboard.writeText = async (t) => copied.push(t); }"
    )
    share = page.locator("#viewer-share")
    share.get_by_role("button", name="Markdown").first.click()
    share.get_by_role("button", name="<img>").first.click()
    share.get_by_role("button", name=re.compile("^#[0-9a-f]{6}$")).first.click()
    share.get_by_role("button", name="Copy a link to the original").click()
    expect(share).to_contain_text("works until")
    markdown, tag, color, link = page.evaluate("copied")
    assert markdown.startswith(f"![second.png]({stack.url}/media/")
    assert re.match(rf'<img src="{stack.url}/media/[^"]+" width="\d+" height="\d+" alt="second.png"', tag)
    assert re.fullmatch("#[0-9a-f]{6}", color)
    with httpx.Client() as stranger:
        assert stranger.get(link).status_code == 200


def test_jobs_are_listed_with_their_pictures_and_failures(page: Page, api: httpx.Client) -> None:
    whole = photo(2100, 600, 600)
    files = [("images", ("good.jpg", photo(2101))), ("images", ("cut.jpg", whole[: len(whole) // 3]))]
    job = api.post("/api/async/batch/upload", files=files).json()["job_id"]
    page.get_by_role("button", name="Jobs").click()
    row = page.locator(".jobs > li").first
    expect(row).to_contain_text("Batch, 2 images")
    expect(row).to_contain_text("1 failed")
    row.get_by_role("button", name="Pictures").click()
    expect(row).to_contain_text("cut.jpg")
    # A new one appears by itself.
    upload(api, plain(33))
    expect(page.locator(".jobs > li").first).to_contain_text("One image, 1 image")
    row = page.locator(".jobs > li").nth(1)
    row.get_by_role("button", name="Open good.jpg").click()
    expect(page.locator("#viewer-name")).to_have_text("good.jpg")
    page.locator("#viewer-job").click()
    expect(page.locator(".jobs > li").nth(1).locator(".job-pictures")).to_be_visible()
    assert api.get(f"/api/jobs/{job}").json()["failed"] == 1


def test_a_recipe_is_made_applied_and_removed_on_the_page(page: Page, api: httpx.Client) -> None:
    (image,) = upload(api, encoded(drawn_photo(9, 300, 200), "PNG"))
    page.get_by_role("button", name=re.compile("^Account")).click()
    page.get_by_role("button", name=re.compile("^Recipes")).click()
    page.get_by_label("Name", exact=True).fill("square-60")
    page.get_by_label("Width, px").fill("60")
    page.get_by_label("Height, px").fill("60")
    page.get_by_label("Fit").select_option("cover")
    page.get_by_role("button", name="Make this recipe").click()
    row = page.get_by_role("listitem").filter(has_text="square-60")
    expect(row).to_contain_text("60 × 60 px, cover, auto")
    row.get_by_role("button", name="Apply").click()
    expect(page.get_by_text("square-60 is being made of")).to_be_visible()
    for _ in range(600):
        names = [one["name"] for one in api.get(f"/api/images/{image}").json()["renditions"]]
        if "square-60" in names:
            break
        page.wait_for_timeout(100)
    assert "square-60" in names
    row.get_by_role("button", name="Remove").click()
    expect(row).to_have_count(0)


def test_pictures_are_found_by_words_of_their_names(page: Page, api: httpx.Client) -> None:
    for place, name in enumerate(["IMG_4278-beach.png", "beach house.png", "harbour.png"]):
        picture = ("image", (name, plain(100 * place), "image/png"))
        assert api.post("/api/upload", files=[picture]).status_code == 200
    expect(tiles(page)).to_have_count(3)
    search = page.get_by_role("searchbox", name="Search by name")
    search.fill("beach")
    expect(tiles(page)).to_have_count(2)
    search.fill("bea 42")
    expect(tiles(page)).to_have_count(1)
    expect(page.get_by_role("button", name="Open IMG_4278-beach.png")).to_be_visible()
    expect(page).to_have_url(re.compile("q=bea(%20|[+])42"))
    search.fill("")
    expect(tiles(page)).to_have_count(3)


def test_colours_are_picked_and_taken_from_a_picture(page: Page, api: httpx.Client) -> None:
    grey, orange, both = upload(api, plain(None), plain(30), plain(30, None))
    expect(tiles(page)).to_have_count(3)
    page.locator(f'.tile[data-id="{grey}"] .tile-open').click()
    page.get_by_role("button", name="Show pictures near #808080").click()
    expect(tiles(page)).to_have_count(2)
    expect(page).to_have_url(re.compile("#colors=808080$"))
    page.get_by_label("Pick a colour that pictures must have").evaluate(
        "(input) => { input.value = '#e67417'; input.dispatchEvent(new Event('change')); }"
    )
    expect(tiles(page)).to_have_count(1)
    expect(page.locator(f'.tile[data-id="{both}"]')).to_be_visible()
    # Live, and after a reload.
    (another,) = upload(api, plain(None, 30))
    expect(page.locator(f'.tile[data-id="{another}"]')).to_be_visible()
    page.reload()
    expect(tiles(page)).to_have_count(2)
    page.get_by_role("button", name="Without the colour #808080").click()
    expect(page.locator(f'.tile[data-id="{orange}"]')).to_be_visible()
    expect(tiles(page)).to_have_count(3)
    page.get_by_role("button", name="All colours").click()
    expect(tiles(page)).to_have_count(4)
    expect(page.locator(".color-chip")).to_have_count(0)


def test_selected_pictures_are_downloaded_as_one_archive(page: Page, api: httpx.Client) -> None:
    ids = upload(api, *(plain(40 * index) for index in range(4)))
    expect(tiles(page)).to_have_count(4)
    page.get_by_role("button", name="Select", exact=True).click()
    for image in (ids[1], ids[3]):
        page.locator(f'.tile[data-id="{image}"] .tile-open').click()
    with page.expect_download() as downloading:
        page.get_by_role("button", name="Download").click()
    assert downloading.value.suggested_filename == "images.zip"
    with zipfile.ZipFile(downloading.value.path()) as archive:
        assert archive.testzip() is None
        manifest = json.loads(archive.read("manifest.json"))
    assert {file["image_id"] for file in manifest["files"]} == {ids[1], ids[3]}
    # One that is gone meanwhile.
    assert api.delete(f"/api/images/{ids[1]}").status_code == 204
    expect(page.locator("#selection-count")).to_have_text("1 selected")
    page.route("**/api/archive", lambda route: route.fulfill(status=404, body="{}"))
    page.get_by_role("button", name="Download").click()
    expect(page.get_by_text("The archive could not be made")).to_be_visible()


def test_of_pictures_that_look_alike_the_best_is_kept(page: Page, api: httpx.Client) -> None:
    large, small = drawn_photo(71, 640, 480), drawn_photo(71, 640, 480).resize((320, 240))
    pictures = [encoded(small, "JPEG"), encoded(large, "JPEG"), encoded(drawn_photo(72, 640, 480), "JPEG")]
    copy, best, other = upload(api, *pictures)
    expect(tiles(page)).to_have_count(3)
    page.get_by_role("button", name=re.compile("^Account")).click()
    page.get_by_role("button", name="Pictures that look alike").click()
    panel = page.locator("#duplicates")
    expect(panel.get_by_role("status")).to_have_text("1 group of pictures that look alike")
    expect(panel.locator(".alike-one")).to_have_count(2)
    expect(panel.locator(".alike-one.kept")).to_contain_text("640 × 480")
    panel.get_by_role("button", name="Delete the other one").click()
    expect(panel.get_by_role("status")).to_have_text("No pictures look alike.")
    until(lambda: {image["id"] for image in api.get("/api/list").json()} == {best, other})
    # The way back is inside the dialog: nothing outside of it can be reached.
    page.get_by_role("button", name="Undo").click()
    expect(panel.locator(".alike-one")).to_have_count(2)
    expect(page.locator(f'.tile[data-id="{copy}"]')).to_be_visible()
    panel.get_by_role("checkbox").nth(1).check()
    expect(panel.get_by_role("button", name="Delete the other")).to_be_disabled()
    panel.get_by_role("button", name="Leave them all").click()
    expect(panel.locator(".alike-one")).to_have_count(0)
