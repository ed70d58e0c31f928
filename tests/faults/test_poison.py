"""One picture that breaks its decoder costs its own attempts and nobody else's."""

from __future__ import annotations

import os
import resource
import signal
import struct
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.api import Api
from tests.drawing import photo
from tests.faults.driver import SEEDS, assert_nothing_lost, batch, client_of, kill, pictures, workers
from tests.stack import Stack, is_alive

POISON = Path(__file__).parent / "poison"


@pytest.fixture(scope="module")
def poisoned(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The service, on a Pillow with bugs; images may take two seconds."""
    paths = [str(POISON), *filter(None, [os.environ.get("PYTHONPATH")])]
    env = {"PYTHONPATH": os.pathsep.join(paths), "IMAGEAPI_IMAGE_SECONDS": "2", "IMAGEAPI_WORKERS": "2"}
    with Stack(tmp_path_factory.mktemp("poison") / "home", env) as running:
        yield running


def poison(kind: str) -> bytes:
    comment = f"poison:{kind}".encode()
    data = photo(next(SEEDS), 60, 40)
    return data[:20] + b"\xff\xfe" + struct.pack(">H", len(comment) + 2) + comment + data[20:]


def outcome(api: Api, stack: Stack, kind: str, others: int) -> dict[str, str]:
    """What became of the poison among the others, which are all made."""
    files = pictures(others)
    files.insert(others // 3, ("poison.jpg", poison(kind)))
    job = api.finished(batch(api, files), 170)
    assert (job["completed"], job["failed"]) == (others, 1)
    [failed] = [image for image in api.images(job["id"]) if image["status"] == "failed"]
    assert failed["name"] == "poison.jpg"
    told = [image["id"] for event in api.events(job["id"]) for image in event.get("images", ())]
    assert len(told) == len(set(told)) == others + 1
    return dict(failed["error"])


@pytest.mark.parametrize("kind", [pytest.param("crash", marks=pytest.mark.slow), "eat", "loop"])
def test_a_poison_image_fails_alone(poisoned: Stack, kind: str) -> None:
    main = workers(poisoned)[0]
    with client_of(poisoned) as api:
        code = outcome(api, poisoned, kind, 200 if kind == "crash" else 40)["code"]
    assert code == {"crash": "worker_crashed", "eat": "out_of_memory", "loop": "timeout"}[kind]
    assert is_alive(main), "the worker's main process died"


@pytest.mark.slow
def test_a_decoder_that_never_comes_back_loses_its_process_only(poisoned: Stack) -> None:
    main = workers(poisoned)[0]
    with client_of(poisoned) as api:
        assert outcome(api, poisoned, "hang", 200)["code"] == "worker_crashed"
    assert is_alive(main)


def test_a_killed_worker_leaves_no_pool_behind(poisoned: Stack) -> None:
    """Also where nobody looks after it: the one who would clear up is stopped meanwhile."""
    assert poisoned.process is not None
    main, *pool = workers(poisoned)
    assert pool
    os.kill(poisoned.process.pid, signal.SIGSTOP)
    try:
        kill(main)
        _, alive = psutil.wait_procs(pool, timeout=10)
    finally:
        os.kill(poisoned.process.pid, signal.SIGCONT)
    assert [process for process in alive if is_alive(process)] == []
    with client_of(poisoned) as api:
        assert_nothing_lost(api, poisoned, batch(api, pictures(3)), 3)


def test_a_pool_process_is_bounded(poisoned: Stack) -> None:
    for process in workers(poisoned)[1:]:
        limit, _ = resource.prlimit(process.pid, resource.RLIMIT_DATA)
        assert 2**30 < limit < 2**33
        assert resource.prlimit(process.pid, resource.RLIMIT_CORE) == (0, 0)
