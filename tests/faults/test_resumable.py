"""A large file by tus while what carries it is killed again and again: each byte once, one image, one job."""

from __future__ import annotations

import hashlib
import os
import random
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from tests.database import execute
from tests.drawing import photo
from tests.faults.driver import assert_nothing_lost, broker, client_of, kill, leftovers, web
from tests.stack import Stack
from tests.uploads.resumable.clients import BYTES, VERSION, Broken, Tus

BYTES_IN_ALL = int(os.environ.get("FAULT_BYTES", "200000000"))
KILLS = int(os.environ.get("FAULT_KILLS", "50"))
SEED = int(os.environ.get("FAULT_SEED", "19"))
MIB = 1024 * 1024
# What a client that goes on may be told: done, another's turn, not where it thought, not able just now.
EXPECTED = {204, 409, 423, 503}


@dataclass
class Sender:
    """A client that goes on for ever from the offset it is told; some of its pieces are cut by a kill."""

    stack: Stack
    http: httpx.Client
    file: bytes
    random: random.Random
    kills: list[str] = field(default_factory=list)
    statuses: dict[int, int] = field(default_factory=dict)
    last: httpx.Response | None = None

    def send(self) -> httpx.Response:
        """The last answer."""
        url = self.created()
        while self.last is None:
            offset = self.offset(url)
            size = min(self.random.randrange(MIB, 16 * MIB), len(self.file) - offset)
            if len(self.kills) < KILLS and offset + size < len(self.file):
                self.cut(url, offset, size)
            else:
                self.whole(url, offset, size)
        return self.last

    def created(self) -> str:
        while True:
            with suppress(httpx.TransportError):
                return Tus(self.http).created(len(self.file))
            time.sleep(0.2)

    def offset(self, url: str) -> int:
        while True:
            with suppress(httpx.TransportError):
                answer = Tus(self.http).head(url)
                self.note(answer.status_code, {200, *EXPECTED})
                if answer.status_code == 200:
                    return int(answer.headers["Upload-Offset"])
            time.sleep(0.2)

    def whole(self, url: str, offset: int, size: int) -> None:
        with suppress(httpx.TransportError):
            answer = Tus(self.http).patch(url, offset, self.file[offset : offset + size])
            self.note(answer.status_code, EXPECTED)
            if answer.status_code == 204 and "Content-Location" in answer.headers:
                self.last = answer
            elif answer.status_code != 204:
                time.sleep(0.5)

    def cut(self, url: str, offset: int, size: int) -> None:
        """Begins to send; before a third of it is there, something is killed."""
        victim = self.random.choice(["connection", "web server", "redis"])
        middle = offset + self.random.randrange(size // 3)
        headers = {**VERSION, "Authorization": self.http.headers["Authorization"], "Content-Type": BYTES}
        headers |= {"Upload-Offset": str(offset), "Content-Length": str(size)}
        with suppress(OSError, psutil.NoSuchProcess, ValueError):
            request = Broken(self.stack.url, "PATCH", url, headers, self.file[offset:middle])
            if victim == "web server":
                kill(web(self.stack))
            elif victim == "redis":
                kill(broker(self.stack))
                request.send(self.file[middle : offset + size])
                self.note(int(request.answer().split()[1]), EXPECTED)
            self.kills.append(victim)
            request.hang_up()

    def note(self, status: int, expected: set[int]) -> None:
        assert status in expected, status
        self.statuses[status] = self.statuses.get(status, 0) + 1


def large() -> bytes:
    """A picture with what cameras write behind it: no decoder minds, every byte counts."""
    picture = photo(2_900_000, 640, 480)
    return picture + random.Random(SEED).randbytes(BYTES_IN_ALL - len(picture))


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_fifty_kills_leave_one_image_of_the_same_bytes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """FAULT_SEED, FAULT_KILLS and FAULT_BYTES choose another run."""
    file = large()
    with Stack(tmp_path / "home") as stack, client_of(stack, timeout=120) as api:
        sender, began = Sender(stack, api.client, file, random.Random(SEED)), time.monotonic()
        answer = sender.send()
        said: dict[str, Any] = {kind: sender.kills.count(kind) for kind in sorted(set(sender.kills))}
        with capsys.disabled():
            seconds = time.monotonic() - began
            print(f"\nseed {SEED}: {seconds:.0f} s, killed {said}, answers {sender.statuses}", flush=True)
        job = answer.headers["Content-Location"].rpartition("/")[2]
        assert_nothing_lost(api, stack, job, 1)
        (image,) = api.images(job)
        assert image["checksum"] == f"sha256:{hashlib.sha256(file).hexdigest()}"
        assert api.client.get(image["original_url"]).content == file
        assert execute(stack, "SELECT count(*) FROM processing_job") == [(1,)]
        assert execute(stack, "SELECT count(*) FROM processing_image") == [(1,)]
        assert leftovers(stack) == []
        assert list((stack.home / "media" / "resumable").iterdir()) == []
