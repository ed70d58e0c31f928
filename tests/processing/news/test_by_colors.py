"""Images found by several colours, among many: the same as by looking at each of them."""

from __future__ import annotations

import colorsys
import random
from collections.abc import Iterator
from uuid import UUID

import pytest

from processing.ledger import index_colors
from processing.models import Image, Status
from processing.news import by_colors, feed
from processing.news.colors import places
from processing.news.feed import Near
from tests.cast import person, submitted

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("servers")]
SEED = 11


def colored(dice: random.Random) -> list[dict[str, object]]:
    """One to four colours; a third of all images have a white ground."""
    hexes = [f"#{dice.randrange(2**24):06x}" for _ in range(dice.randint(1, 3))]
    if dice.random() < 0.35:
        hexes.append("#ffffff")
    return [{"hex": color, "hue": hue_of(color), "share": 0.2} for color in hexes]


def hue_of(color: str) -> int | None:
    red, green, blue = (value / 255 for value in bytes.fromhex(color[1:]))
    hue, saturation, _ = colorsys.rgb_to_hsv(red, green, blue)
    return round(360 * hue) % 360 if saturation > 0.2 else None


@pytest.fixture
def owner_id() -> int:
    owner, dice = person("alice"), random.Random(SEED)
    _, images = submitted(owner, 500)
    for image in images:
        image.status, image.colors = Status.COMPLETED, colored(dice)
    Image.objects.bulk_update(images, ["status", "colors"])
    index_colors([image.id for image in images])
    return owner.id


def questions(dice: random.Random) -> Iterator[Near]:
    for _ in range(50):
        colors = [f"#{dice.randrange(2**24):06x}" for _ in range(dice.randint(1, 5))]
        if dice.random() < 0.5:
            colors[0] = "#ffffff"
        hue = dice.randrange(360) if dice.random() < 0.3 else None
        yield Near(hue, 30, tuple(dict.fromkeys(colors)), dice.choice([0.02, 0.1, 0.2, 0.5]))


@pytest.mark.parametrize(("rounds", "stretches"), [((64, 512), (32_768,)), ((2,), (5, 40, 200)), ((), ())])
def test_it_equals_looking_at_each_of_them(
    owner_id: int, monkeypatch: pytest.MonkeyPatch, rounds: tuple[int, ...], stretches: tuple[int, ...]
) -> None:
    monkeypatch.setattr(by_colors, "_ROUNDS", rounds)
    monkeypatch.setattr(by_colors, "_STRETCHES", stretches)
    images = list(Image.objects.of(owner_id).order_by("-id"))
    there = {image.id: places([color["hex"] for color in image.colors]) for image in images}
    found = 0
    for near in questions(random.Random(SEED + 1)):
        wanted = [image.id for image in images if near.takes(feed.bits([*image.hues]), there[image.id])]
        for limit in (1, 60):
            assert by_colors.newest(owner_id, near, limit, feed.NEWEST) == wanted[:limit], (SEED, near)
        assert paged(owner_id, near) == wanted[: 7 * 8], (SEED, near)
        found += bool(wanted)
    assert 10 < found < 48


def paged(owner_id: int, near: Near) -> list[UUID]:
    """Eight pages of seven."""
    found: list[UUID] = []
    before = feed.NEWEST
    for _ in range(8):
        page = by_colors.newest(owner_id, near, 7, before)
        found += page
        if len(page) < 7:
            break
        before = page[-1]
    return found
