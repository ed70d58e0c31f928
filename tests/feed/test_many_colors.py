"""The feed by colours among a hundred thousand images, beside a look at every one of them."""

from __future__ import annotations

import itertools
import random
from contextlib import closing
from typing import Any, NamedTuple

import numpy as np
import pytest

from benchmarks.feed.pages import connect, fill
from processing.imaging.oklab import oklab
from tests.feed.people import Person, plain
from tests.stack import Stack

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
IMAGES, QUESTIONS, READ = 100_000, 200, 300


class Every(NamedTuple):
    """All images, newest first: ids, their three colours as `rrggbb`, and in OKLab, (n, 3, 3)."""

    ids: list[str]
    colors: list[list[str]]
    places: np.ndarray


@pytest.fixture
def every(alice: Person, stack: Stack) -> Every:
    [template] = alice.upload(plain(200, 30, None))
    with closing(connect(stack)) as database, database.cursor() as cursor:
        fill(cursor, template, IMAGES)
        cursor.execute("ANALYZE processing_image, processing_imagecell, processing_imagehue")
        cursor.execute("DELETE FROM processing_imagecell WHERE image_id = %s", [template])
        cursor.execute(
            "SELECT id::text, array(SELECT substr(c ->> 'hex', 2) FROM jsonb_array_elements(colors) AS c)"
            " FROM processing_image WHERE id <> %s"
            " AND owner_id = (SELECT owner_id FROM processing_image WHERE id = %s) ORDER BY id DESC",
            [template, template],
        )
        ids, colors = zip(*cursor.fetchall(), strict=True)
    return Every(list(ids), list(colors), in_oklab([*itertools.chain(*colors)]).reshape(-1, 3, 3))


def in_oklab(colors: list[str]) -> np.ndarray:
    return oklab(np.array([list(bytes.fromhex(color)) for color in colors], float))


def asked_of(dice: random.Random, every: Every) -> tuple[list[str], float]:
    """Random colours are hardly ever together: most questions begin with those of one image."""
    count, distance = dice.randint(1, 5), dice.choice([0.02, 0.05, 0.1, 0.1, 0.2, 0.4])
    own = dice.choice(every.colors) if dice.random() < 0.6 else []
    drawn = [f"{dice.randrange(2**24):06x}" for _ in range(count)]
    return (own + drawn if distance > 0.1 else own or drawn)[:count], distance


def wanted(every: Every, colors: list[str], distance: float) -> list[str]:
    """What has each colour, by a look at every image."""
    has = np.ones(len(every.ids), bool)
    for place in in_oklab(colors):
        has &= np.linalg.norm(every.places - place, axis=2).min(axis=1) <= distance
    return [every.ids[n] for n in np.flatnonzero(has)]


def found(alice: Person, colors: list[str], distance: float) -> tuple[list[str], bool]:
    """The newest that the feed gives, page by page, and whether there are more."""
    ids: list[str] = []
    query: dict[str, Any] = {"color": colors, "distance": f"{distance:g}", "limit": 100}
    while True:
        answer = alice.feed(**query)
        assert answer.status_code == 200, answer.text
        page = answer.json()
        ids += [image["id"] for image in page["images"]]
        if page["next"] is None or len(ids) >= READ:
            return ids, page["next"] is not None
        query["cursor"] = page["next"]


def test_it_finds_what_a_look_at_every_image_finds(alice: Person, every: Every) -> None:
    dice = random.Random(11)
    counts = []
    for _ in range(QUESTIONS):
        colors, distance = asked_of(dice, every)
        right = wanted(every, colors, distance)
        seen, more = found(alice, colors, distance)
        assert seen == right[: len(seen)], (colors, distance)
        assert more == (len(right) > len(seen)), (colors, distance)
        counts.append(len(right))
    some = sum(count > 0 for count in counts)
    print(f"{QUESTIONS} questions among {IMAGES:,} images: {some} find some, at most {max(counts):,}")
    assert some > QUESTIONS / 3
