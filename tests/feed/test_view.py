from __future__ import annotations

import random
from typing import Any

import pytest

from tests.feed.people import Person, matches, plain


def ids(answer: Any) -> list[str]:
    assert answer.status_code == 200, answer.text
    return [image["id"] for image in answer.json()["images"]]


def test_it_holds_what_the_contract_says_at_every_hue(alice: Person, charlie: Person) -> None:
    dice = random.Random(3)
    hues = [dice.sample(range(0, 360, 7), dice.choice([1, 2, 3])) for _ in range(24)]
    alice.upload(*[plain(*some) for some in hues], plain(None), plain(None, 0), plain(None, 355))
    charlie.upload(plain(0))
    everything = alice.everything()
    assert len(everything) == 27
    for hue, tolerance in [(0, 10), (3, 5), (356, 10), (359, 0), (180, 30), (90, 180), (90, 0), (210, 60)]:
        wanted = [image["id"] for image in everything if matches(image, hue, tolerance)]
        assert ids(alice.feed(hue=hue, tolerance=tolerance, limit=100)) == wanted, (hue, tolerance)


def test_the_tolerance_is_ten_unless_told(alice: Person) -> None:
    near, _far = alice.upload(plain(210), plain(222))
    assert ids(alice.feed(hue=201)) == [near]


def test_without_a_hue_it_shows_grey_ones_too(alice: Person) -> None:
    both = alice.upload(plain(None), plain(20))
    assert ids(alice.feed()) == both[::-1]
    assert ids(alice.feed(hue=20, tolerance=180)) == [both[1]]


@pytest.mark.parametrize("query", [{}, {"hue": 120}])
def test_a_cursor_neither_repeats_nor_skips_while_images_arrive(alice: Person, query: dict[str, int]) -> None:
    before = alice.upload(*[plain(120) for _ in range(23)])
    seen, cursor, arrived = [], None, 0
    while True:
        answer = alice.feed(**query, limit=5, **({"cursor": cursor} if cursor else {}))
        seen += ids(answer)
        cursor = answer.json()["next"]
        if cursor is None:
            break
        alice.upload(plain(120), plain(121))
        arrived += 2
    assert seen == before[::-1]
    assert arrived == 8


def test_a_deleted_image_is_out_at_once_and_back_when_restored(alice: Person) -> None:
    one, two = alice.upload(plain(40), plain(40))
    assert alice.http.delete(f"/api/images/{one}").status_code == 204
    assert ids(alice.feed(hue=40)) == ids(alice.feed()) == [two]
    assert alice.http.post(f"/api/images/{one}/restore").status_code == 200
    assert ids(alice.feed(hue=40)) == ids(alice.feed()) == [two, one]


@pytest.mark.parametrize(
    "query",
    [
        {"hue": value}
        for value in ("-1", "360", "NaN", "1e309", "0 OR 1=1", "1.5", "٣", "null", "0x10", "9" * 40)
    ]
    + [{"tolerance": value} for value in ("-1", "181", "x")]
    + [{"limit": value} for value in ("0", "101", "-5", "ten")]
    + [{"cursor": value} for value in ("x", "1", "' OR 1=1 --", "\x00", "{}")],
)
def test_bad_values_are_refused_with_what_is_allowed(alice: Person, query: dict[str, str]) -> None:
    answer = alice.feed(**query)
    assert answer.status_code == 400
    problem = answer.json()
    assert problem["code"] in ("invalid", "bad_cursor")
    assert problem["errors"][0]["attr"] == next(iter(query))


def test_both_spellings_of_the_path_answer(alice: Person) -> None:
    assert alice.http.get("/api/feed/").json() == {"images": [], "next": None}


def test_a_stranger_without_credentials_is_refused(alice: Person) -> None:
    assert alice.http.get("/api/feed", headers={"Authorization": ""}).status_code == 401
