"""The feed's push at many sockets: from commit to frame; none missed or doubled while they turn."""

from __future__ import annotations

import asyncio
import json
import random
import statistics
import time
from collections.abc import Callable
from typing import Any

import httpx

from benchmarks.feed.line import line, quantile, started
from benchmarks.feed.pages import connect
from tests.feed.colored import matches as has_colors
from tests.feed.colored import striped
from tests.feed.people import FeedSocket, Person, plain
from tests.feed.people import matches as has_hue
from tests.stack import Stack

# What a socket asks for next.
Wish = Callable[[random.Random], dict[str, Any]]


def push(sockets: int, images: int) -> None:
    with started() as stack:
        asyncio.run(_measure_push(stack, sockets, images))


async def _measure_push(stack: Stack, count: int, images: int) -> None:
    committed = _watch_commits(stack)
    with Person(stack.url, stack.username, stack.token) as person:
        feeds = await _open(person, count)
        line(f"{count} sockets, {images} images", "p50 ms", "p99 ms", "max ms", "frames", "")
        await _still(person, feeds, images, committed)
        for wish in (hues, colors):
            await _turning(person, feeds, images, wish)
        for feed in feeds:
            await feed.connection.close()


def _watch_commits(stack: Stack) -> Callable[[], dict[str, float]]:
    """When each image was completed: its `finished_at` is its transaction's start, before the commit."""

    def read() -> dict[str, float]:
        with connect(stack).cursor() as cursor:
            cursor.execute("SELECT id, extract(epoch FROM finished_at) FROM processing_image")
            return {str(image): float(when) for image, when in cursor.fetchall()}

    return read


async def _open(person: Person, count: int) -> list[FeedSocket]:
    feeds: list[FeedSocket] = []
    for start in range(0, count, 50):
        some = range(start, min(start + 50, count))
        feeds += await asyncio.gather(*[person.socket("?hue=null") for _ in some])
    for feed in feeds:
        await feed.page(anew=True)
    return feeds


async def _still(
    person: Person, feeds: list[FeedSocket], images: int, committed: Callable[[], dict[str, float]]
) -> None:
    """Every socket shows every hue; each image is uploaded alone, so that it is alone in its commit."""
    heard: list[tuple[FeedSocket, str, float]] = []

    async def listen(feed: FeedSocket) -> None:
        # Read later: 500 clients in one process would otherwise measure their own parsing.
        heard.extend([(feed, await feed.connection.recv(), time.time()) for _ in range(images)])

    listening = [asyncio.create_task(listen(feed)) for feed in feeds]
    dice = random.Random(2)
    async with httpx.AsyncClient(base_url=person.url, headers=person.http.headers, timeout=60) as client:
        for _ in range(images):
            file = {"image": ("one.png", plain(dice.randrange(360)), "image/png")}
            answer = await client.post("/api/upload", files=file)
            assert answer.status_code == 200, answer.text
            await asyncio.sleep(0.05)
    await asyncio.wait_for(asyncio.gather(*listening), 60)
    when = committed()
    times = []
    for feed, text, at in heard:
        frame = json.loads(text)
        feed.take(frame)
        times.append(1000 * (at - when[frame["image"]["id"]]))
    line(
        "commit to frame, one at a time",
        f"{statistics.median(times):.1f}",
        f"{quantile(times, 0.99):.1f}",
        f"{max(times):.1f}",
        f"{len(times):,}",
    )


async def _turning(person: Person, feeds: list[FeedSocket], images: int, wish: Wish) -> None:
    """Images arrive in batches while every socket turns now and then; then each is compared."""
    arrived = asyncio.Event()
    asked: dict[int, dict[str, Any]] = {}
    turns = 0

    async def wander(index: int, feed: FeedSocket) -> None:
        nonlocal turns
        own = random.Random(index)
        while not arrived.is_set():
            asked[index] = wish(own)
            await feed.say(**asked[index])
            await feed.page(anew=True)
            turns += 1
            end = time.monotonic() + own.uniform(0.5, 3)
            while (left := end - time.monotonic()) > 0 and not arrived.is_set():
                try:
                    feed.take(json.loads(await asyncio.wait_for(feed.connection.recv(), left)))
                except TimeoutError:
                    break

    async def arrive() -> None:
        dice = random.Random(3)
        for _ in range(0, images, 20):
            pictures = [striped([_color(dice), _color(dice)]) for _ in range(20)]
            await asyncio.to_thread(person.upload, *pictures)
        arrived.set()

    for feed in feeds:
        feed.doubles.clear()
    await asyncio.gather(arrive(), *[wander(index, feed) for index, feed in enumerate(feeds)])
    everything = await asyncio.to_thread(person.everything)
    missed = sum([await _misses(feed, asked[index], everything) for index, feed in enumerate(feeds)])
    doubles = sum(len(feed.doubles) for feed in feeds)
    line(f"{images} arrive, {wish.__doc__}", f"missed {missed}", f"doubled {doubles}", f"turns {turns:,}")


def hues(own: random.Random) -> dict[str, Any]:
    """hues change"""
    return {
        "type": "set_hue",
        "hue": own.choice([None, own.randrange(360)]),
        "tolerance": own.randrange(60),
    }


def colors(own: random.Random) -> dict[str, Any]:
    """colours change"""
    wanted = [_color(own) for _ in range(own.choice([1, 1, 2, 3]))]
    return {"type": "set_colors", "colors": wanted, "distance": own.uniform(0.1, 0.5)}


def _color(dice: random.Random) -> str:
    return f"#{dice.randrange(2**24):06x}"


async def _misses(feed: FeedSocket, asked: dict[str, Any], everything: list[dict[str, Any]]) -> int:
    await feed.to_the_end()
    wanted = {image["id"] for image in everything if _is_wanted(image, asked)}
    try:
        while set(feed.shown) != wanted:
            feed.take(await feed.frame(seconds=10))
    except TimeoutError:
        return len(wanted ^ set(feed.shown))
    return 0


def _is_wanted(image: dict[str, Any], asked: dict[str, Any]) -> bool:
    if "colors" in asked:
        return has_colors(image, asked["colors"], asked["distance"])
    return has_hue(image, asked["hue"], asked["tolerance"])
