"""What Chromium makes of our markup and of our animations."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from PIL import Image
from playwright.sync_api import Page

from tests.drawing import disposing, photo, solid
from tests.processing.imaging.test_renditions import moving

# As docs/recipes.md shows it.
PICTURE_OF = """async ([{ sources, img }, sizes]) => {
  const picture = document.createElement('picture');
  for (const source of sources) {
    picture.append(Object.assign(document.createElement('source'), { ...source, sizes }));
  }
  const shown = Object.assign(document.createElement('img'), { ...img, alt: '' });
  picture.append(shown);
  document.body.prepend(picture);
  await shown.decode();
  return [shown.currentSrc, shown.naturalWidth];
}"""
FILM = """async (src) => {
  const shown = Object.assign(document.createElement('img'), { src, id: 'film' });
  document.body.replaceChildren(shown);
  await shown.decode();
}"""
SIZE = (80, 80)


def uploaded(api: httpx.Client, data: bytes, **fields: str) -> dict[str, Any]:
    answer = api.post("/api/upload", files={"image": ("a", data)}, data=fields)
    assert answer.status_code == 200, answer.text
    return dict(answer.json()["image"])


def frames() -> list[Image.Image]:
    return [solid(color, SIZE) for color in ("red", "lime", "blue", "white")]


FILMS: dict[str, Callable[[], bytes]] = {
    "GIF": lambda: moving("GIF", frames(), loop=0),
    "GIF that leaves": lambda: disposing(1),
    "GIF that clears": lambda: disposing(2),
    "GIF that restores": lambda: disposing(3),
    "WebP": lambda: moving("WEBP", frames(), loop=0, lossless=True),
    "APNG": lambda: moving("PNG", frames(), loop=0),
    "AVIF": lambda: moving("AVIF", frames(), quality=90),
}


@pytest.fixture
def blank(page: Page, stack: Any) -> Page:
    """A page of this origin that does nothing by itself."""
    page.goto(f"{stack.url}/healthz/live")
    return page


def test_chromium_takes_avif_out_of_our_picture_and_curl_gets_jpeg(api: httpx.Client, blank: Page) -> None:
    api.put("/api/recipes/modern", json={"width": 200, "formats": ["jpeg", "webp", "avif"]})
    image = uploaded(api, photo(71_000, 400, 300), recipes="modern")
    by_type = {each["content_type"]: each["url"] for each in image["renditions"] if each["name"] == "modern"}
    source, width = blank.evaluate(PICTURE_OF, [image["picture"], "200px"])
    assert (source.removeprefix(str(api.base_url)), width) == (by_type["image/avif"], 200)
    folder = by_type["image/avif"].rpartition("/")[0]
    command = ["curl", "-sS", "-H", "Accept:", "-o", "/dev/null", "-w", "%{http_code} %{content_type}"]
    said = subprocess.run(
        [*command, f"{api.base_url}{folder}/modern"], check=True, capture_output=True, text=True, timeout=60
    )
    assert said.stdout == "200 image/jpeg"


@pytest.mark.parametrize("kind", FILMS)
def test_animations_move(api: httpx.Client, blank: Page, kind: str) -> None:
    image = uploaded(api, FILMS[kind]())
    assert image["losses"] == []
    (web,) = (each for each in image["renditions"] if each["name"] == "web")
    assert (web["animated"], web["content_type"]) == (True, "image/webp")
    blank.evaluate(FILM, web["url"])
    film, seen = blank.locator("#film"), set[bytes]()
    for _ in range(100):
        seen.add(film.screenshot())
        if len(seen) >= 3:
            break
        blank.wait_for_timeout(70)
    assert len(seen) >= 3, "it stands still"
