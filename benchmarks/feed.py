"""The feed by hue at many images, and its push at many sockets.

    python -m benchmarks.feed pages --images 10000 1000000     GET /api/feed, p50 and p95, and their ratio
    python -m benchmarks.feed push --sockets 500 --images 300  from commit to frame; misses and doubles

Both start the service below a home of their own, and remove it. The synthetic images are rows only, made by
the database itself, with up to three hues each, as photographs have.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx
import psycopg2

from imageapi import embedded
from tests.feed.conftest import MAKE_PEOPLE, manage
from tests.feed.people import FeedSocket, Person, matches, plain
from tests.stack import Stack

# Copies of one real image and its job, so that a row is what the service writes, whatever its columns are.
_JOB = {"id": "gen_random_uuid()", "total": "%(count)s", "completed": "%(count)s"}
_IMAGE = {
    "id": """(lpad(to_hex(1700000000000 + n), 12, '0') || '7' || lpad(to_hex(n %% 4096), 3, '0') || '8'
              || substr(md5(one.owner_id || '-' || n), 1, 15))::uuid""",
    "job_id": "job.id",
    "index": "n - 1",
    "name": "'synthetic-' || n || '.jpg'",
    "checksum": "md5(n::text) || md5((-n)::text)",
    "key": "substr(md5(n::text), 1, 22)",
}
_FILL = """
WITH job AS (
    INSERT INTO processing_job ({job})
    SELECT {new_job} FROM processing_job AS one
    WHERE id = (SELECT job_id FROM processing_image WHERE id = %(template)s) RETURNING id
)
INSERT INTO processing_image ({image})
SELECT {new_image} FROM job, processing_image AS one, generate_series(%(first)s, %(last)s) AS n
WHERE one.id = %(template)s
"""
_HUES = """
INSERT INTO processing_imagehue (owner_id, hue, image_id)
SELECT DISTINCT owner_id, (abs(hashtext(id::text || place)) %% 360)::smallint, id
FROM processing_image, unnest(ARRAY['a', 'b', 'c']) AS place
WHERE owner_id = %(owner)s AND index >= %(first)s - 1 AND index < %(last)s AND id <> %(template)s
"""
_PIECE = 250_000
_ASKS = 300


def quantile(times: list[float], part: float) -> float:
    return sorted(times)[min(len(times) - 1, int(part * len(times)))]


def line(*cells: object) -> None:
    print(
        "  ".join(f"{cell:>14}" if index else f"{cell:<34}" for index, cell in enumerate(cells)), flush=True
    )


@contextmanager
def started() -> Iterator[Stack]:
    with (
        tempfile.TemporaryDirectory() as home,
        Stack(Path(home) / "home", {"IMAGEAPI_WORKERS": "1"}) as stack,
    ):
        yield stack


# Pages


def connect(stack: Stack) -> Any:
    connection = psycopg2.connect(embedded.database_url(stack.home))
    connection.autocommit = True
    return connection


def fill(cursor: Any, template: str, want: int) -> float:
    """Adds `want` images to the template's account; gives the seconds."""
    began = time.perf_counter()
    cursor.execute("SELECT owner_id FROM processing_image WHERE id = %s", [template])
    owner = cursor.fetchone()[0]
    statement = _statement(cursor)
    for first in range(1, want + 1, _PIECE):
        span = {"owner": owner, "template": template, "first": first, "last": min(first + _PIECE - 1, want)}
        cursor.execute(statement, {**span, "count": span["last"] - first + 1})
        cursor.execute(_HUES, span)
    cursor.execute("VACUUM (ANALYZE) processing_image, processing_imagehue")
    return time.perf_counter() - began


def _statement(cursor: Any) -> str:
    parts = {}
    for table, own in (("job", _JOB), ("image", _IMAGE)):
        cursor.execute(
            "SELECT attname FROM pg_attribute"
            " WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped",
            [f"processing_{table}"],
        )
        names = [name for (name,) in cursor.fetchall()]
        parts[table] = ", ".join(f'"{name}"' for name in names)
        parts[f"new_{table}"] = ", ".join(own.get(name, f'one."{name}"') for name in names)
    return _FILL.format(**parts)


def in_turn(asks: list[Callable[[int], None]]) -> list[list[float]]:
    """Milliseconds of each ask, all in the same minutes: a busy machine is as busy for one as for another."""
    dice = random.Random(1)
    times: list[list[float]] = [[] for _ in asks]
    for number in range(_ASKS + 20):
        hue = dice.randrange(360)
        for kept, ask in zip(times, asks, strict=True):
            began = time.perf_counter()
            ask(hue)
            if number >= 20:  # the first few warm caches and connections
                kept.append(1000 * (time.perf_counter() - began))
    return times


def pages(sizes: list[int]) -> None:
    with started() as stack:
        accounts = make_people(stack, len(sizes))
        with ExitStack() as open_accounts, connect(stack).cursor() as cursor:
            people = [open_accounts.enter_context(person) for person in accounts]
            for person, size in zip(people, sizes, strict=True):
                (template,) = person.upload(plain(200, 30, None))
                line(f"filled {size:,} in", f"{fill(cursor, template, size):.0f} s")
            measure_pages(cursor, list(zip(sizes, people, strict=True)))


def make_people(stack: Stack, count: int) -> list[Person]:
    made = manage(stack.home, "shell", "--no-imports", "-c", MAKE_PEOPLE % count)
    return [Person(stack.url, name, token) for name, token in json.loads(made.splitlines()[-1]).items()]


def measure_pages(cursor: Any, accounts: list[tuple[int, Person]]) -> None:
    """Accounts of several sizes in one database, asked in turn."""
    line("GET /api/feed, 20 images", *[f"{size:,}" for size, _ in accounts], "ratio")
    for label, query in (
        ("one hue, tolerance 10", {"tolerance": 10}),
        ("one hue, tolerance 60", {"tolerance": 60}),
        ("every hue", None),
    ):
        times = in_turn([_asking(person, query) for _, person in accounts])
        for name, part in (("p50", 0.5), ("p95", 0.95)):
            found = [quantile(some, part) for some in times]
            line(f"  {label}, {name}", *[f"{ms:.2f} ms" for ms in found], f"{found[-1] / found[0]:.2f} x")
    times = in_turn([_sql(cursor, person) for _, person in accounts])
    found = [statistics.median(some) for some in times]
    line("  its index alone (SQL), p50", *[f"{ms:.2f} ms" for ms in found], f"{found[-1] / found[0]:.2f} x")


def _asking(person: Person, query: dict[str, int] | None) -> Callable[[int], None]:
    def ask(hue: int) -> None:
        answer = person.feed(limit=20, **({"hue": hue, **query} if query else {}))
        assert len(answer.json()["images"]) == 20, answer.text

    return ask


def _sql(cursor: Any, person: Person) -> Callable[[int], None]:
    """The bare statement, as processing.feed writes it."""
    cursor.execute("SELECT id FROM uploads_user WHERE username = %s", [person.name])
    owner = cursor.fetchone()[0]
    statement = """
        SELECT count(*) FROM (
            SELECT DISTINCT near.image_id FROM unnest(%s::smallint[]) AS degree(hue)
            CROSS JOIN LATERAL (SELECT image_id FROM processing_imagehue
                                WHERE owner_id = %s AND hue = degree.hue
                                ORDER BY image_id DESC LIMIT 21) AS near
            ORDER BY near.image_id DESC LIMIT 21) AS newest"""

    def ask(hue: int) -> None:
        cursor.execute(statement, [[degree % 360 for degree in range(hue - 10, hue + 11)], owner])
        cursor.fetchone()

    return ask


# Push


def push(sockets: int, images: int) -> None:
    with started() as stack:
        asyncio.run(_measure_push(stack, sockets, images))


async def _measure_push(stack: Stack, count: int, images: int) -> None:
    committed = _watch_commits(stack)
    with Person(stack.url, stack.username, stack.token) as person:
        feeds = await _open(person, count)
        line(f"{count} sockets, {images} images", "p50 ms", "p99 ms", "max ms", "frames", "")
        await _still(person, feeds, images, committed)
        await _turning(person, feeds, images)
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


async def _turning(person: Person, feeds: list[FeedSocket], images: int) -> None:
    """Images arrive in batches while every socket turns its hue now and then; then each is compared."""
    arrived = asyncio.Event()
    nears: dict[int, tuple[int | None, int]] = {}
    turns = 0

    async def wander(index: int, feed: FeedSocket) -> None:
        nonlocal turns
        own = random.Random(index)
        nears[index] = (None, 10)
        while not arrived.is_set():
            nears[index] = (own.choice([None, own.randrange(360)]), own.randrange(60))
            await feed.say(type="set_hue", hue=nears[index][0], tolerance=nears[index][1])
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
            pictures = [plain(dice.randrange(360), dice.randrange(360)) for _ in range(20)]
            await asyncio.to_thread(person.upload, *pictures)
        arrived.set()

    await asyncio.gather(arrive(), *[wander(index, feed) for index, feed in enumerate(feeds)])
    everything = await asyncio.to_thread(person.everything)
    missed = sum([await _misses(feed, nears[index], everything) for index, feed in enumerate(feeds)])
    doubles = sum(len(feed.doubles) for feed in feeds)
    line(f"{images} arrive, hues change", f"missed {missed}", f"doubled {doubles}", f"turns {turns:,}")


async def _misses(feed: FeedSocket, near: tuple[int | None, int], everything: list[dict[str, Any]]) -> int:
    await feed.to_the_end()
    wanted = {image["id"] for image in everything if matches(image, *near)}
    try:
        while set(feed.shown) != wanted:
            feed.take(await feed.frame(seconds=10))
    except TimeoutError:
        return len(wanted ^ set(feed.shown))
    return 0


def run() -> None:
    """What takes minutes; ten million images and thousands of sockets are there to be asked for by hand."""
    pages([10_000, 1_000_000])
    push(10, 100)
    push(500, 100)


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure the feed by hue.")
    kinds = parser.add_subparsers(dest="kind", required=True)
    by_size = kinds.add_parser("pages")
    by_size.add_argument("--images", type=int, nargs="+", default=[10_000, 1_000_000])
    by_sockets = kinds.add_parser("push")
    by_sockets.add_argument("--sockets", type=int, default=500)
    by_sockets.add_argument("--images", type=int, default=300)
    given = parser.parse_args()
    if given.kind == "pages":
        pages(given.images)
    else:
        push(given.sockets, given.images)


if __name__ == "__main__":
    main()
