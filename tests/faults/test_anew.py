"""Two thousand images made anew by a changed quality, while people upload and the worker is killed."""

from __future__ import annotations

import itertools
import os
import statistics
import threading
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.api import Api
from tests.database import execute
from tests.drawing import photo
from tests.faults.driver import client_of, doctor, kill, leftovers, workers
from tests.stack import Stack

COUNT = int(os.environ.get("FAULT_IMAGES", "2000"))
QUIET = 60
_seeds = itertools.count(4_000_000)


def files() -> list[tuple[str, bytes]]:
    """One picture under many names: a comment of its own makes each another image."""
    drawn = photo(next(_seeds), 400, 300)
    return [
        (f"{n}.jpg", drawn[:20] + b"\xff\xfe\x00\x0a" + f"{n:08d}".encode() + drawn[20:])
        for n in range(COUNT)
    ]


def single(api: Api) -> float:
    """Seconds of one upload that waits for its pixels."""
    began = time.monotonic()
    answer = api.upload(("single.jpg", photo(next(_seeds), 400, 300)))
    assert answer.status_code == 200, answer.text
    return time.monotonic() - began


def p95(times: list[float]) -> float:
    return statistics.quantiles(times, n=20)[-1]


class Singles:
    """Somebody who uploads one picture after the other until told to stop."""

    def __init__(self, stack: Stack) -> None:
        self.times: list[float] = []
        self.error: Exception | None = None
        self._over = threading.Event()
        self._stack = stack
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Singles:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        try:
            with client_of(self._stack) as api:
                while not self._over.is_set():
                    self.times.append(single(api))
        except Exception as error:
            self.error = error


def wait_for_part(api: Api, job: str, part: float) -> None:
    while (shown := api.job(job))["completed"] < part * shown["total"]:
        assert not shown["finished_at"], "it was done before anything was killed"
        time.sleep(0.05)


def heroes(api: Api, job: str) -> list[dict[str, Any]]:
    return [one for image in api.images(job) for one in image["renditions"] if one["name"] == "hero"]


def put(client: httpx.Client, quality: int) -> int:
    fields = {"width": 200, "formats": ["jpeg"], "quality": {"jpeg": quality}}
    return int(client.put("/api/recipes/hero", json=fields).raise_for_status().json()["version"])


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_all_are_made_anew_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with Stack(tmp_path / "home", {"IMAGEAPI_WORKERS": "2"}) as stack, client_of(stack, timeout=300) as api:
        assert put(api.client, 80) == 1
        taken = api.batch(files(), data={"recipes": "hero"})
        assert taken.status_code == 202, taken.text
        batch = taken.json()["job_id"]
        assert api.finished(batch, 600)["completed"] == COUNT
        before, quiet = heroes(api, batch), [single(api) for _ in range(QUIET)]
        assert put(api.client, 40) == 2
        with Singles(stack) as singles:
            began, job = time.monotonic(), api.client.post("/api/recipes/hero/apply").json()["id"]
            wait_for_part(api, job, 0.3)
            main, *_ = workers(stack)
            kill(main)
            done = api.finished(job, 600)
            seconds = time.monotonic() - began
        assert singles.error is None, singles.error
        with capsys.disabled():
            told = f"{p95(singles.times):.3f} s meanwhile ({len(singles.times)}), {p95(quiet):.3f} s quiet"
            print(f"\n{COUNT} anew in {seconds:.1f} s with a kill; p95 of a single: {told}", flush=True)
        assert (done["status"], done["failed"]) == ("completed", 0)
        assert done["completed"] == done["total"] == COUNT + QUIET
        after = heroes(api, batch)
        assert {one["version"] for one in after} == {2}
        assert len(after) == len({one["url"] for one in after}) == COUNT
        assert not {one["url"] for one in before} & {one["url"] for one in after}
        assert execute(stack, "SELECT count(*) FROM processing_discard") == [(0,)]
        assert leftovers(stack) == []
        assert doctor(stack) == ""
