"""A thousand photos in one request: bulk all the way."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import httpx
import psycopg2
import pytest
from django.conf import settings

from imageapi.up import embedded
from tests.api import Api
from tests.drawing import photo
from tests.stack import Stack

COUNT = 1000
WORKERS = 2
# Whatever carries no work: transactions, session settings, the liveness check of a kept connection.
_IDLE = re.compile(r"BEGIN|COMMIT|ROLLBACK|SET |SHOW |SELECT 1$|SAVEPOINT|RELEASE", re.IGNORECASE)


@pytest.fixture(scope="module")
def own_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with Stack(tmp_path_factory.mktemp("thousand") / "home", {"IMAGEAPI_WORKERS": str(WORKERS)}) as running:
        log_statements(running.home)
        yield running


def log_statements(home: Path) -> None:
    connection = psycopg2.connect(embedded.database_url(home))
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute("ALTER SYSTEM SET log_statement = 'all'")
        cursor.execute("SELECT pg_reload_conf()")
    connection.close()


def statements(stack: Stack, since: int) -> Counter[str]:
    """What the database was asked after line `since` of the log, by kind; no transaction control."""
    written = [line for line in stack.output.splitlines()[since:] if line.startswith("postgres")]
    text = "\n".join(line.partition("| ")[2].strip() for line in written)
    asked = re.findall(r"^LOG:  statement:\s*(.*?)(?=^\w+:  |\Z)", text, re.MULTILINE | re.DOTALL)
    return Counter(kind(statement.strip()) for statement in asked if not _IDLE.match(statement.strip()))


def kind(statement: str) -> str:
    for name, start in (
        ("claim", "SELECT (c.image)"),
        ("settle images", "WITH v AS"),
        ("count and tell", "WITH change AS"),
        ("insert images", 'INSERT INTO "processing_image" '),
        ("insert job", 'INSERT INTO "processing_job"'),
    ):
        if statement.startswith(start):
            return name
    return " ".join(statement.split())[:70]


def test_a_thousand_photos_in_one_request(
    own_stack: Stack, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = [(f"{n}.jpg", photo(50_000 + n, 120, 90)) for n in range(COUNT)]
    headers = {"Authorization": f"Bearer {own_stack.token}"}
    with httpx.Client(base_url=own_stack.url, headers=headers, timeout=120) as client:
        api = Api(client)
        before = len(own_stack.output.splitlines())
        body = api.batch(files).json()
        assert body["message"] == f"Batch upload of {COUNT} images initiated"
        api.finished(body["job_id"], 120)
        asked = statements(own_stack, before)
        job, events, images = (
            api.job(body["job_id"]),
            api.events(body["job_id"]),
            api.images(body["job_id"]),
        )

    assert (job["status"], job["completed"], job["total"]) == ("completed", COUNT, COUNT)
    assert [event["seq"] for event in events] == list(range(1, job["seq"] + 1))
    assert [event["type"] for event in events].count("job.finished") == 1
    told = Counter(image["id"] for event in events for image in event.get("images", ()))
    assert told == Counter({image["id"]: 1 for image in images})
    assert len(told) == COUNT

    pixels = sum(asked[name] for name in ("claim", "settle images", "count and tell"))
    flushes = asked["settle images"]
    assert asked["insert images"] == asked["insert job"] == 1
    # The last ones are handed out in ever smaller chunks, so that all processes end together.
    assert 0 < asked["claim"] <= -(-COUNT // 32) + 20
    assert 0 < asked["count and tell"] <= flushes
    # Bounded by chunks and by time, not by images: on a busy machine the same work takes more flushes.
    assert flushes <= asked["claim"] + WORKERS * seconds(job) / settings.FLUSH_SECONDS
    assert pixels <= asked["claim"] + 2 * flushes
    assert pixels < COUNT
    late = [
        (datetime.fromisoformat(image["finished_at"]).timestamp() - pixels_made(own_stack, image))
        for image in images
    ]
    with capsys.disabled():
        print(f"\n{pixels} statements for {COUNT} images, {flushes} flushes; all: {dict(asked)}")
        print(f"pixels to commit: median {sorted(late)[COUNT // 2]:.3f} s, longest {max(late):.3f} s")


def seconds(job: dict[str, str]) -> float:
    """From its creation to its end."""
    begun, ended = (datetime.fromisoformat(job[name]) for name in ("created_at", "finished_at"))
    return (ended - begun).total_seconds()


def pixels_made(stack: Stack, image: dict[str, object]) -> float:
    """When the last rendition of the image was written (seconds since 1970)."""
    renditions = image["renditions"]
    assert isinstance(renditions, list)
    key, file = renditions[-1]["url"].split("/")[-2:]
    return (stack.home / "media" / "renditions" / key[:2] / f"{key}.{file}").stat().st_mtime
