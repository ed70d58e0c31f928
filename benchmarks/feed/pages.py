"""GET /api/feed, and what looks like an image, for accounts of several sizes in one database, asked in turn.

The synthetic images are rows only, made by the database itself: copies of one real image and its job, so that
a row is what the service writes, whatever its columns are, with three random colours each.
"""

from __future__ import annotations

import json
import random
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import psycopg2

from benchmarks.feed.line import line, quantile, started
from imageapi.up import embedded
from tests.feed.conftest import MAKE_PEOPLE, manage
from tests.feed.people import Person, plain
from tests.stack import Stack

# Columns that differ from the copied row's.
_JOB = {"id": "gen_random_uuid()", "total": "%(count)s", "completed": "%(count)s"}
_IMAGE = {
    "id": """(lpad(to_hex(1700000000000 + n), 12, '0') || '7' || lpad(to_hex(n %% 4096), 3, '0') || '8'
              || substr(md5(one.owner_id || '-' || n), 1, 15))::uuid""",
    "job_id": "job.id",
    "index": "n - 1",
    "name": "'synthetic-' || n || '.jpg'",
    "checksum": "md5(n::text) || md5((-n)::text)",
    "key": "substr(md5(n::text), 1, 22)",
    "phash": "('x' || substr(md5(n || 'look'), 1, 16))::bit(64)::bigint",
    "colors": """(SELECT jsonb_agg(jsonb_build_object(
        'hex', '#' || substr(md5(n || place), 1, 6),
        'hue', abs(hashtext(n || place)) %% 360, 'share', 0.3))
        FROM unnest(ARRAY['a', 'b', 'c']) AS place)""",
}
_FILL = """
WITH job AS (
    INSERT INTO processing_job ({job})
    SELECT {new_job} FROM processing_job AS one
    WHERE id = (SELECT job_id FROM processing_image WHERE id = %(template)s) RETURNING id
), image AS (
    INSERT INTO processing_image ({image})
    SELECT {new_image} FROM job, processing_image AS one, generate_series(%(first)s, %(last)s) AS n
    WHERE one.id = %(template)s RETURNING id, owner_id, colors
), color AS (
    SELECT owner_id, id, color ->> 'hex' AS hex, (color ->> 'hue')::smallint AS hue
    FROM image, jsonb_array_elements(colors) AS color
), cell AS (
    INSERT INTO processing_imagecell (owner_id, cell, image_id, place)
    SELECT owner_id, processing_color_cell(hex), id, processing_color_place(hex) FROM color
    ON CONFLICT DO NOTHING
)
INSERT INTO processing_imagehue (owner_id, hue, image_id)
SELECT DISTINCT owner_id, hue, id FROM color
"""
_PIECE = 250_000
_ASKS = 300
# Some questions take seconds among ten million images: then fewer are asked, 30 at least.
_SECONDS = 240


def connect(stack: Stack) -> Any:
    connection = psycopg2.connect(embedded.database_url(stack.home))
    connection.autocommit = True
    return connection


def fill(cursor: Any, template: str, want: int) -> float:
    """Adds `want` images to the template's account; gives the seconds."""
    began = time.perf_counter()
    statement = _statement(cursor)
    for first in range(1, want + 1, _PIECE):
        last = min(first + _PIECE - 1, want)
        span = {"template": template, "first": first, "last": last, "count": last - first + 1}
        cursor.execute(statement, span)
    return time.perf_counter() - began


@contextmanager
def in_bulk(cursor: Any) -> Iterator[None]:
    """Indexes over all rows are built once, at the end, and no row looks up what it refers to.

    Constraints stay, and so do the partial indexes: the sweeper would read every row without its own.
    """
    cursor.execute("SET session_replication_role = replica")
    cursor.execute("SET synchronous_commit = off")
    cursor.execute("SET maintenance_work_mem = '1GB'")
    cursor.execute(
        "SELECT indexrelid::regclass, pg_get_indexdef(indexrelid) FROM pg_index"
        " WHERE indrelid IN ('processing_image'::regclass, 'processing_imagehue'::regclass,"
        " 'processing_imagecell'::regclass)"
        " AND indpred IS NULL AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = indexrelid)"
    )
    indexes = cursor.fetchall()
    for name, _ in indexes:
        cursor.execute(f"DROP INDEX {name}")
    yield
    for _, definition in indexes:
        cursor.execute(definition)
    cursor.execute("VACUUM (ANALYZE) processing_image, processing_imagehue, processing_imagecell")
    cursor.execute("CHECKPOINT")
    cursor.execute("RESET ALL")


def _statement(cursor: Any) -> str:
    parts = {}
    for table, own in (("job", _JOB), ("image", _IMAGE)):
        cursor.execute(
            "SELECT attname FROM pg_attribute"
            " WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped AND attgenerated = ''",
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
    start = time.perf_counter()
    for number in range(_ASKS + 20):
        if number >= 50 and time.perf_counter() - start > _SECONDS:
            break
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
            templates = [person.upload(plain(200, 30, None))[0] for person in people]
            began = time.perf_counter()
            with in_bulk(cursor):
                for template, size in zip(templates, sizes, strict=True):
                    line(f"filled {size:,} in", f"{fill(cursor, template, size):.0f} s")
            line("indexed after", f"{time.perf_counter() - began:.0f} s")
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
        _tell(label, in_turn([_asking(person, query) for _, person in accounts]))
    for count in (1, 2, 3, 5):
        label = f"{count} random colour{'s' if count > 1 else ''}, distance 0.1"
        _tell(label, in_turn([_asking_colors(person, count) for _, person in accounts]))
    _tell("what looks like one", in_turn([_asking_alike(cursor, person) for _, person in accounts]))
    times = in_turn([_sql(cursor, person) for _, person in accounts])
    found = [statistics.median(some) for some in times]
    line("  its index alone (SQL), p50", *[f"{ms:.2f} ms" for ms in found], f"{found[-1] / found[0]:.2f} x")


def _tell(label: str, times: list[list[float]]) -> None:
    for name, part in (("p50", 0.5), ("p95", 0.95)):
        found = [quantile(some, part) for some in times]
        line(f"  {label}, {name}", *[f"{ms:.2f} ms" for ms in found], f"{found[-1] / found[0]:.2f} x")


def _asking(person: Person, query: dict[str, int] | None) -> Callable[[int], None]:
    def ask(hue: int) -> None:
        answer = person.feed(limit=20, **({"hue": hue, **query} if query else {}))
        assert len(answer.json()["images"]) == 20, answer.text

    return ask


def _asking_colors(person: Person, count: int) -> Callable[[int], None]:
    def ask(number: int) -> None:
        dice = random.Random(number * 10 + count)
        answer = person.feed(limit=20, color=[f"{dice.randrange(2**24):06x}" for _ in range(count)])
        assert answer.status_code == 200, answer.text

    return ask


def _asking_alike(cursor: Any, person: Person) -> Callable[[int], None]:
    cursor.execute(
        "SELECT id FROM processing_image"
        " WHERE owner_id = (SELECT id FROM processing_user WHERE username = %s) ORDER BY id DESC LIMIT 5000",
        [person.name],
    )
    ids = [image for (image,) in cursor.fetchall()]

    def ask(number: int) -> None:
        answer = person.http.get(f"/api/images/{ids[number]}/similar")
        assert answer.status_code == 200, answer.text

    return ask


def _sql(cursor: Any, person: Person) -> Callable[[int], None]:
    """The bare statement, as processing.news.feed writes it."""
    cursor.execute("SELECT id FROM processing_user WHERE username = %s", [person.name])
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
