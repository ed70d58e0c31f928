"""A worker over thousands of images: its memory is flat."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.drawing import photo
from tests.faults.driver import SEEDS, batch, client_of, workers
from tests.stack import Stack

ROUNDS = int(os.environ.get("MEMORY_ROUNDS", "10"))
COUNT = 500


@pytest.mark.slow
@pytest.mark.timeout(2400)
def test_a_worker_stays_as_large_as_it_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """5,000 images, 500 in a batch; the first round warms up."""
    drawn = photo(next(SEEDS), 800, 600)
    sizes = []
    with Stack(tmp_path / "home", {"IMAGEAPI_WORKERS": "1"}) as stack, client_of(stack) as api:
        main, child = workers(stack)
        for run in range(ROUNDS):
            numbers = range(run * COUNT, (run + 1) * COUNT)
            files = [
                (f"{n}.jpg", drawn[:20] + b"\xff\xfe\x00\x0a" + f"{n:08d}".encode() + drawn[20:])
                for n in numbers
            ]
            job = api.finished(batch(api, files), 600)
            assert job["completed"] == COUNT
            sizes.append((main.memory_info().rss >> 20, child.memory_info().rss >> 20))
            with capsys.disabled():
                print(f"\n{(run + 1) * COUNT:5} images: worker and pool child {sizes[-1]} MB", end="")
        assert workers(stack) == [main, child], "a process was replaced"
    assert sizes[-1][1] - sizes[0][1] < 40
    assert sizes[-1][0] - sizes[0][0] < 40
