"""The feed by colours: what is found, and told live, is what has each colour asked for, and nothing else."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest

from processing.imaging.oklab import oklab
from processing.news import colors
from tests.database import execute
from tests.feed.colored import lab, matches, striped
from tests.feed.people import Person
from tests.stack import Stack

STRIPES = [
    ["#ffffff"],
    ["#000000"],
    ["#808080"],
    ["#ff8800"],
    ["#ff8800", "#1144cc"],
    ["#1144cc", "#ffffff"],
    ["#fe8a04", "#1040d0", "#101010"],
    ["#00aa44", "#eeeeee"],
    ["#cc0044", "#ffdd00", "#224422", "#f8f8f8"],
]
QUESTIONS: list[tuple[list[str], float]] = [
    (["ffffff"], 0.1),
    (["000000"], 0.1),
    (["808080"], 0.02),
    (["ff8800", "1144cc"], 0.05),
    (["ff8800", "1144cc", "000000"], 0.25),
    (["cc0044", "ffdd00", "224422", "f8f8f8", "eeeeee"], 0.1),
    (["00aa44"], 0.5),
    (["123456"], 0),
]


def ids(answer: Any) -> list[str]:
    assert answer.status_code == 200, answer.text
    return [image["id"] for image in answer.json()["images"]]


def test_its_cells_hold_whatever_is_near() -> None:
    dice = np.random.default_rng(5)
    points = dice.integers(0, 256, (4000, 3))
    places = oklab(points.astype(float))
    index = np.floor(places * 10 + 1e-12).astype(int)
    numbers = np.minimum(index[:, 0], 9) * 100 + (index[:, 1] + 5) * 10 + index[:, 2] + 5
    for red, green, blue in [(0, 0, 0), (255, 255, 255), *dice.integers(0, 256, (60, 3)).tolist()]:
        color = f"#{red:02x}{green:02x}{blue:02x}"
        for distance in (0.0, 0.03, 0.1, 0.5):
            near = np.linalg.norm(places - lab(color), axis=1) <= distance
            assert set(numbers[near]) <= set(colors.cells(color, distance)), (color, distance)


def test_a_place_is_near_its_colour(stack: Stack) -> None:
    dice = random.Random(6)
    every = ["#000000", "#ffffff", "#0000ff", "#00ff00", "#ff0000", "#ff00ff", "#ffff00", "#00ffff"]
    every += [f"#{dice.randrange(2**24):06x}" for _ in range(500)]
    for color, ball in ((each, colors.ball_of(each, 0)) for each in every):
        asked = "SELECT processing_places_apart(processing_color_place(%s), %s, %s, %s)"
        ((apart,),) = execute(stack, asked, color, *ball[:3])
        assert apart <= ball[3], color


def test_colours_of_one_cell_in_one_image_keep_none_from_the_page(alice: Person) -> None:
    twice = [striped(["#ff8800", "#ff8c04"]) for _ in range(8)]
    made = alice.upload(*twice, *[striped(["#ff8800"]) for _ in range(3)])
    assert ids(alice.feed(color="ff8800", limit=10)) == made[:0:-1]
    assert ids(alice.feed(color=["ff8800", "ff8c04"], limit=11, distance=0.03)) == made[::-1]
    assert ids(alice.feed(color=["ff8800", "1144cc"])) == []
    blue = alice.upload(striped(["#1144cc", "#ff8800"]))
    assert ids(alice.feed(color=["ff8800", "1144cc"])) == blue
    assert ids(alice.feed(color="ff8800", hue=260, tolerance=60)) == blue


def test_it_holds_what_the_contract_says_for_each_question(alice: Person, charlie: Person) -> None:
    alice.upload(*map(striped, STRIPES))
    charlie.upload(striped(["#ffffff"]))
    everything = alice.everything()
    dice = random.Random(7)
    drawn = [
        ([f"{dice.randrange(2**24):06x}" for _ in range(dice.randint(1, 3))], dice.choice([0.1, 0.2, 0.4]))
        for _ in range(40)
    ]
    found = 0
    for asked, distance in QUESTIONS + drawn:
        wanted = [image["id"] for image in everything if matches(image, asked, distance)]
        assert ids(alice.feed(color=asked, distance=distance, limit=100)) == wanted, (asked, distance)
        found += bool(wanted)
    assert found > 15
    both = [image["id"] for image in everything if matches(image, ["ffffff"], 0.1)]
    assert ids(alice.feed(color="FFFFFF")) == both, "a distance of 0.1 unless told"
    blue = ids(alice.feed(color="ffffff", hue=225, tolerance=15))
    assert blue
    assert set(blue) < set(both), "with a hue as well, both hold"


def test_pages_of_colours_neither_repeat_nor_skip(alice: Person) -> None:
    made = alice.upload(*[striped(["#ff8800"] if n % 3 else ["#ff5500"]) for n in range(30)])
    wanted = [image for n, image in enumerate(made) if n % 3][::-1]
    seen: list[str] = []
    cursor = None
    while True:
        answer = alice.feed(color="ff8800", distance=0.03, limit=3, **({"cursor": cursor} if cursor else {}))
        seen += ids(answer)
        cursor = answer.json()["next"]
        if cursor is None:
            break
    assert seen == wanted


def test_a_deleted_image_has_no_colours_until_it_is_restored(alice: Person) -> None:
    one, two = alice.upload(striped(["#eeeeee"]), striped(["#eeeeee"]))
    assert alice.http.delete(f"/api/images/{one}").status_code == 204
    assert ids(alice.feed(color="eeeeee")) == [two]
    assert alice.http.post(f"/api/images/{one}/restore").status_code == 200
    assert ids(alice.feed(color="eeeeee")) == [two, one]


@pytest.mark.parametrize(
    ("query", "attr"),
    [
        ({"color": "red"}, "color"),
        ({"color": "ff88"}, "color"),
        ({"color": "ff8800 "}, "color"),
        ({"color": ""}, "color"),
        ({"color": ["ff8800"] * 6}, "color"),
        ({"color": "ff8800", "distance": "0.51"}, "distance"),
        ({"color": "ff8800", "distance": "-0.1"}, "distance"),
        ({"color": "ff8800", "distance": "nan"}, "distance"),
        ({"color": "ff8800", "distance": "1e-1"}, "distance"),
        ({"distance": "٣"}, "distance"),
    ],
)
def test_a_bad_question_is_named(alice: Person, query: dict[str, Any], attr: str) -> None:
    answer = alice.feed(**query)
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["attr"] == attr


async def test_set_colors_gives_a_page_and_then_what_matches_live(alice: Person) -> None:
    white, both = alice.upload(striped(["#ffffff"]), striped(["#ffffff", "#000000"]))
    async with await alice.socket("?hue=null") as feed:
        await feed.page()
        await feed.say(type="set_colors", colors=["#ffffff"])
        page = await feed.page(anew=True)
        assert (page["colors"], page["distance"], page["hue"]) == (["#ffffff"], 0.1, None)
        assert [image["id"] for image in page["images"]] == [both, white]
        await feed.say(type="set_colors", colors=["ffffff", "#000000"], distance=0.05)
        page = await feed.page(anew=True)
        assert [image["id"] for image in page["images"]] == [both]
        _other, second = alice.send(striped(["#ffffff"]), striped(["#000000", "#fefefe"]))
        added = await feed.hear("feed.added")
        assert (added["type"], added["image"]["id"]) == ("feed.added", second)
        await feed.say(type="set_hue", hue=10)
        page = await feed.page(anew=True)
        assert (page["type"], page["hue"]) == ("feed.images", 10)
        assert "colors" not in page


@pytest.mark.parametrize(
    "frame",
    [
        {"type": "set_colors"},
        {"type": "set_colors", "colors": []},
        {"type": "set_colors", "colors": "#ffffff"},
        {"type": "set_colors", "colors": ["#fff"]},
        {"type": "set_colors", "colors": [7]},
        {"type": "set_colors", "colors": ["#ffffff"] * 6},
        {"type": "set_colors", "colors": ["#ffffff"], "distance": 0.6},
        {"type": "set_colors", "colors": ["#ffffff"], "distance": True},
        {"type": "set_colors", "colors": ["#ffffff"], "distance": "0.1"},
    ],
)
async def test_bad_colours_are_answered_and_the_socket_lives_on(alice: Person, frame: dict[str, Any]) -> None:
    async with await alice.socket() as feed:
        await feed.page()
        await feed.say(**frame)
        assert (await feed.hear("error"))["code"] == "invalid"
        await feed.say(type="set_colors", colors=["#ffffff"])
        assert "colors" in await feed.page(anew=True)
