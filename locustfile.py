"""Users of the service, for locust: `locust --host http://127.0.0.1:8000`, or `make load`.

With IMAGEAPI_TOKEN every request carries it as bearer token; without, the service needs an anonymous plan.
A status other than the documented one is a failure, and any failure makes locust's exit code 1. Beside the
requests the summary has lines of type WS (sockets) and JOB (first byte sent to last image completed).
"""

from __future__ import annotations

import io
import json
import os
import random
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

# First: it patches the sockets and threads that all below it use.
from locust import HttpUser, between, events, task
from locust.env import Environment
from locust.exception import RescheduleTask
from PIL import Image
from websockets.sync.client import ClientConnection, connect

TOKEN = os.environ.get("IMAGEAPI_TOKEN", "")
PATIENCE = 60.0
HEADER = "S. No.,Product Name,Input Image Urls"
# Refused before any connection is made, so a real request with a status of its own asks no other host.
NOWHERE = "http://127.0.0.1:1/none.jpg"

Files = list[tuple[str, tuple[str, bytes]]]


def draw(width: int, height: int) -> bytes:
    """A JPEG of soft light in random colours."""
    light = Image.frombytes("RGB", (3, 3), os.urandom(27))
    out = io.BytesIO()
    light.resize((width, height), Image.Resampling.BICUBIC).save(out, "JPEG", quality=82)
    return out.getvalue()


def unseen(drawn: bytes) -> bytes:
    """The same pixels with a checksum of their own: bytes after a JPEG's end change no pixel."""
    return drawn + os.urandom(16)


def parts(drawn: Sequence[bytes]) -> Files:
    return [("images", (f"{number}.jpg", unseen(data))) for number, data in enumerate(drawn)]


class Client(HttpUser):
    """Someone with an account."""

    abstract = True

    def on_start(self) -> None:
        if TOKEN:
            self.client.headers["Authorization"] = f"Bearer {TOKEN}"

    def ask(self, method: str, path: str, *, status: int = 200, name: str = "", **kwargs: Any) -> Any:
        """The answer's JSON; any other status fails, which ends the task."""
        with self.client.request(method, path, name=name or path, catch_response=True, **kwargs) as answer:
            if answer.status_code != status:
                answer.failure(f"{answer.status_code} instead of {status}: {answer.text[:120]}")
                raise RescheduleTask
            return answer.json()

    @contextmanager
    def timed(self, kind: str, name: str) -> Iterator[None]:
        """A line of the summary; what goes wrong inside is its failure and ends the task."""
        began = time.perf_counter()
        error = None
        try:
            yield
        except Exception as raised:
            error = raised
        self.environment.events.request.fire(
            request_type=kind,
            name=name,
            response_time=1000 * (time.perf_counter() - began),
            response_length=0,
            exception=error,
            context={},
        )
        if error is not None:
            raise RescheduleTask from error

    def submit(self, path: str, drawn: Sequence[bytes]) -> None:
        """Sends the photos in one request and follows their job to its end."""
        with self.timed("JOB", f"{path}, to the end"):
            job = self.ask("POST", path, status=202, files=parts(drawn))["job_id"]
            self.follow(job)
            counts = self.ask("GET", f"/api/jobs/{job}", name="/api/jobs/ID")
            assert counts["completed"] == len(drawn), f"{counts['completed']} of {len(drawn)} completed"

    def follow(self, job: str) -> None:
        seq, end = 0, time.monotonic() + PATIENCE
        while time.monotonic() < end:
            params = {"since": seq, "wait": 20}
            log = self.ask("GET", f"/api/jobs/{job}/events", name="/api/jobs/ID/events (held)", params=params)
            seq = log["seq"]
            if any(event["type"] == "job.finished" for event in log["events"]):
                return
        raise TimeoutError(f"not finished after {PATIENCE:.0f} s")


class Single(Client):
    """One photo at a time, processed before the answer."""

    weight = 3
    wait_time = between(0.2, 1)

    def on_start(self) -> None:
        super().on_start()
        self.photo = draw(800, 1200)

    @task
    def upload(self) -> None:
        answer = self.ask("POST", "/api/upload", files={"image": ("photo.jpg", unseen(self.photo))})
        assert answer["image"]["status"] == "completed", answer


class Multi(Client):
    """A few photos, each as soon as possible."""

    weight = 2
    wait_time = between(1, 3)

    def on_start(self) -> None:
        super().on_start()
        self.photos = [draw(800, 600) for _ in range(5)]

    @task
    def upload(self) -> None:
        self.submit("/api/async/upload", random.sample(self.photos, random.randint(2, 5)))


class Batch(Client):
    """Many small photos in one request, as fast as possible."""

    weight = 1
    wait_time = between(2, 5)

    def on_start(self) -> None:
        super().on_start()
        self.photos = [draw(400, 300) for _ in range(50)]

    @task
    def upload(self) -> None:
        self.submit("/api/async/batch/upload", random.sample(self.photos, random.randint(10, 50)))


class Csv(Client):
    """A file of addresses, checked only; the status of one that was really sent."""

    weight = 1
    wait_time = between(1, 4)
    request_id = ""

    @task
    def visit(self) -> None:
        self.check()
        for _ in range(3):
            self.status()

    def check(self) -> None:
        count = random.randint(1, 500)
        rows = [f'{n},Product {n},"https://example.com/{n}.jpg"' for n in range(count)]
        name = "/imgproc/upload?dry_run=1"
        counts = self.ask("POST", name, files={"file": ("products.csv", "\n".join([HEADER, *rows]))})
        assert counts["urls"] == count, counts

    def status(self) -> None:
        if not self.request_id:
            file = ("products.csv", f"{HEADER}\n1,None,{NOWHERE}\n")
            self.request_id = self.ask("POST", "/imgproc/upload", status=202, files={"file": file})[
                "request_id"
            ]
        status = self.ask("GET", f"/imgproc/status/{self.request_id}/", name="/imgproc/status/ID/")
        assert status["total"] == 1, status


class Feed(Client):
    """Leafs through the images near a few hues, and through all."""

    weight = 2
    wait_time = between(1, 3)

    @task
    def visit(self) -> None:
        self.ask("GET", "/api/feed", params={"limit": 100})
        for _ in range(3):
            self.pages()
        self.ask("GET", "/api/list", params={"limit": 50})

    def pages(self) -> None:
        near: dict[str, Any] = {"hue": random.randrange(360), "tolerance": random.choice((10, 30, 60))}
        page = self.ask("GET", "/api/feed", name="/api/feed?hue=", params=near)
        for _ in range(3):
            if page["next"] is None:
                break
            more = {**near, "cursor": page["next"]}
            page = self.ask("GET", "/api/feed", name="/api/feed?hue=&cursor=", params=more)


class Socket(Client):
    """Listens: to the feed, whose hue it turns, and to its own upload."""

    weight = 1
    wait_time = between(0.5, 2)

    def on_start(self) -> None:
        super().on_start()
        self.photo = draw(400, 300)

    @task
    def visit(self) -> None:
        self.feed()
        self.upload()

    @contextmanager
    def socket(self, path: str) -> Iterator[ClientConnection]:
        assert self.host is not None
        url = f"ws{self.host.removeprefix('http').rstrip('/')}{path}"
        headers = {"Authorization": f"Bearer {TOKEN}"} if TOKEN else None
        with self.timed("WS", f"{path} connect"):
            opened = connect(url, additional_headers=headers, proxy=None, open_timeout=PATIENCE)
        with opened:
            yield opened

    def feed(self) -> None:
        with self.socket("/ws/feed/") as socket:
            with self.timed("WS", "/ws/feed/ first page"):
                hear(socket, {"type": "feed.images"})
            for hue in random.sample(range(360), 3):
                with self.timed("WS", "/ws/feed/ set_hue to its page"):
                    socket.send(json.dumps({"type": "set_hue", "hue": hue, "tolerance": 20}))
                    hear(socket, {"type": "feed.images", "hue": hue})

    def upload(self) -> None:
        with self.socket("/ws/upload/") as socket:
            with self.timed("WS", "/ws/upload/ first frame"):
                hear(socket, {"type": "connection"})
            with self.timed("WS", "/ws/upload/ photo sent to pushed"):
                files = [("images", ("pushed.jpg", unseen(self.photo)))]
                sent = self.ask("POST", "/api/async/upload", status=202, files=files)
                hear(socket, {"image_id": sent["accepted"][0]["id"], "status": "completed"})


def hear(socket: ClientConnection, wanted: dict[str, Any]) -> None:
    """Reads up to the frame with these values; raises when it does not come, and on an error frame."""
    end = time.monotonic() + PATIENCE
    while True:
        frame = json.loads(socket.recv(timeout=max(0.0, end - time.monotonic())))
        if frame["type"] == "error":
            raise RuntimeError(f"{frame['code']}: {frame['detail']}")
        if wanted.items() <= frame.items():
            return


@events.quitting.add_listener  # type: ignore[untyped-decorator]
def fail_where_nothing_was_asked(environment: Environment, **_: Any) -> None:
    if not environment.stats.total.num_requests:
        environment.process_exit_code = 1
