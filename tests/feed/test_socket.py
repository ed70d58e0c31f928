from __future__ import annotations

import asyncio
import random
from typing import Any

import pytest
import websockets

from tests.feed.people import FeedSocket, Person, matches, plain

pytestmark = pytest.mark.asyncio


def ids(frame: dict[str, Any]) -> list[str]:
    return [image["id"] for image in frame["images"]]


async def test_twenty_first_then_ten_and_no_image_twice(alice: Person) -> None:
    red = alice.upload(*[plain(0) for _ in range(35)])[::-1]
    async with await alice.socket() as feed:
        first = await feed.page()
        assert (first["hue"], first["tolerance"], first["end"]) == (0, 10, False)
        assert ids(first) == red[:20]
        await feed.say(type="more")
        assert ids(await feed.page()) == red[20:30]
        await feed.say(type="more")
        last = await feed.page()
        assert (ids(last), last["end"]) == (red[30:], True)
        await feed.say(type="more")
        assert ids(await feed.page()) == []


async def test_the_query_names_the_first_hue(alice: Person) -> None:
    blue, grey = alice.upload(plain(240), plain(None))
    for query, wanted in [
        ("?hue=240", [blue]),
        ("?hue=200&tolerance=40", [blue]),
        ("?hue=200", []),
        ("?hue=null", [grey, blue]),
    ]:
        async with await alice.socket(query) as feed:
            assert ids(await feed.page()) == wanted


@pytest.mark.parametrize("query", ["?hue=360", "?hue=x", "?hue=-1", "?hue=1&tolerance=999", "?hue=1e9"])
async def test_a_bad_query_is_named_and_hue_0_shown(alice: Person, query: str) -> None:
    async with await alice.socket(query) as feed:
        assert (await feed.frame())["code"] == "invalid"
        assert (await feed.page())["hue"] == 0


async def test_set_hue_gives_ten_of_the_new_hue_round_the_circle(alice: Person) -> None:
    reds = alice.upload(*[plain(350 + index % 20) for index in range(14)])[::-1]
    async with await alice.socket("?hue=120") as feed:
        assert ids(await feed.page()) == []
        await feed.say(type="set_hue", hue=359, tolerance=10)
        page = await feed.page(anew=True)
        assert (page["hue"], page["tolerance"]) == (359, 10)
        assert ids(page) == reds[:10]
        await feed.say(type="set_hue", hue=None)
        assert (await feed.page(anew=True))["hue"] is None


async def test_a_matching_image_is_told_live_and_no_other(alice: Person, charlie: Person) -> None:
    async with await alice.socket("?hue=60&tolerance=20") as feed, await charlie.socket("?hue=60") as other:
        await feed.page()
        await other.page()
        alice.upload(plain(200), plain(None))
        wanted = alice.upload(plain(200, 70))[0]
        frame = await feed.frame()
        assert (frame["type"], frame["image"]["id"]) == ("feed.added", wanted)
        assert frame["image"] == alice.image(wanted)
        mine = charlie.upload(plain(60))[0]
        assert (await other.frame())["image"]["id"] == mine


async def test_deleting_over_the_socket_is_told_to_all(alice: Person) -> None:
    image = alice.upload(plain(0))[0]
    async with await alice.socket() as feed, await alice.socket("?hue=null") as other:
        await feed.page()
        await other.page()
        await feed.say(type="delete", id=image)
        assert await feed.frame() == await other.frame() == {"type": "feed.removed", "id": image}
    assert alice.http.get(f"/api/images/{image}").status_code == 404


async def test_a_restored_image_is_told_as_added(alice: Person) -> None:
    image = alice.upload(plain(0))[0]
    async with await alice.socket() as feed, await alice.socket("?hue=90") as other:
        await feed.page()
        await other.page()
        for _ in range(2):
            alice.http.delete(f"/api/images/{image}")
            assert (await feed.hear("feed.removed"))["id"] == image
            alice.http.post(f"/api/images/{image}/restore")
            assert (await feed.hear("feed.added"))["image"]["id"] == image
        assert [(await other.frame())["type"] for _ in range(2)] == ["feed.removed"] * 2


async def test_nobody_deletes_anothers_image(alice: Person, charlie: Person) -> None:
    image = alice.upload(plain(0))[0]
    async with await charlie.socket() as feed:
        await feed.page()
        await feed.say(type="delete", id=image)
        assert (await feed.frame())["code"] == "not_found"
    assert alice.http.get(f"/api/images/{image}").status_code == 200


@pytest.mark.parametrize(
    "frame",
    [
        {"type": "set_hue"},
        {"type": "set_hue", "hue": 360},
        {"type": "set_hue", "hue": -1},
        {"type": "set_hue", "hue": 1.5},
        {"type": "set_hue", "hue": True},
        {"type": "set_hue", "hue": "0 OR 1=1"},
        {"type": "set_hue", "hue": 10, "tolerance": 181},
        {"type": "set_hue", "hue": 10, "tolerance": None},
        {"type": "delete"},
        {"type": "delete", "id": "x"},
        {"type": "delete", "id": 5},
        {"type": "dance"},
    ],
)
async def test_a_bad_frame_is_answered_and_the_socket_lives_on(alice: Person, frame: dict[str, Any]) -> None:
    async with await alice.socket("?hue=10") as feed:
        await feed.page()
        await feed.say(**frame)
        answer = await feed.frame()
        assert answer["type"] == "error"
        assert answer["code"] in ("invalid", "unknown_type")
        wanted = alice.upload(plain(10))[0]
        assert (await feed.hear("feed.added"))["image"]["id"] == wanted


async def test_an_image_deleted_while_it_is_made_is_never_left_shown(alice: Person) -> None:
    async with await alice.socket("?hue=null") as feed:
        await feed.page()
        gone = alice.send(*[plain(30) for _ in range(20)])
        for image in gone:
            alice.http.delete(f"/api/images/{image}")
        last = alice.upload(plain(30))[0]
        while last not in feed.shown:
            feed.take(await feed.frame())
        assert set(feed.shown) & set(gone) == set()


async def test_a_refused_socket_says_why(alice: Person) -> None:
    connection = await websockets.connect(f"{alice.url.replace('http', 'ws')}/ws/feed/", proxy=None)
    await connection.wait_closed()
    assert connection.close_code == 4401


async def test_no_socket_misses_or_doubles_while_images_arrive_and_hues_change(alice: Person) -> None:
    """Whatever each socket asks for and when, at the end it shows exactly what matches, once."""
    dice = random.Random(11)
    alice.upload(*[plain(dice.randrange(360)) for _ in range(40)])
    sockets = [await alice.socket("?hue=null") for _ in range(12)]
    arriving = asyncio.Event()

    async def wander(feed: FeedSocket, seed: int) -> tuple[int | None, int]:
        own = random.Random(seed)
        near: tuple[int | None, int] = (None, 10)
        await feed.page(anew=True)
        while not arriving.is_set():
            if own.random() < 0.5:
                near = (own.choice([None, own.randrange(360)]), own.randrange(60))
                await feed.say(type="set_hue", hue=near[0], tolerance=near[1])
                await feed.page(anew=True)
            else:
                await feed.say(type="more")
                await feed.page()
        return near

    async def arrive() -> None:
        for _ in range(15):
            pictures = [plain(dice.randrange(360), dice.randrange(360)) for _ in range(8)]
            await asyncio.to_thread(alice.upload, *pictures)
        arriving.set()

    *nears, _ = await asyncio.gather(*[wander(feed, seed) for seed, feed in enumerate(sockets)], arrive())
    everything = alice.everything()
    assert len(everything) == 160
    for feed, (hue, tolerance) in zip(sockets, nears, strict=True):
        await feed.to_the_end()
        wanted = {image["id"] for image in everything if matches(image, hue, tolerance)}
        while set(feed.shown) != wanted:
            feed.take(await feed.frame(seconds=10))
        assert feed.doubles == []
        await feed.connection.close()
