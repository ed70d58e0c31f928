"""The main job on a compose stack that runs: uploads, sockets, media through nginx, restarts one by one.

    python -m tests.compose.main_job URL PASSWORD [WEB... -- WORKER...]

With the names of containers, each is restarted (`docker restart`) while a batch of 1,000 images is under way.
Ends with status 1 and the reason where anything is lost.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Sequence
from typing import Any

import httpx
from websockets.sync.client import connect

from tests.api import Api
from tests.drawing import photo

COUNT = 1000
REQUEST = 50


def main(url: str, password: str, web: Sequence[str], workers: Sequence[str]) -> None:
    with httpx.Client(base_url=url, timeout=60, transport=httpx.HTTPTransport(retries=5)) as client:
        assert client.get("/api/list").status_code == 401
        answer = client.post("/api/tokens", json={"username": "admin", "password": password})
        answer.raise_for_status()
        token = answer.json()["token"]
        client.headers["Authorization"] = f"Bearer {token}"
        api = Api(client)
        single(api)
        refusals(client)
        socket(url, token, api)
        batch(api, threading.Thread(target=restarts, args=(web, workers)))


def single(api: Api) -> None:
    body = api.upload(("one.jpg", photo(1, 800, 600))).json()
    image = body["image"]
    assert image["status"] == "completed", body
    for rendition in image["renditions"]:
        got = api.client.get(rendition["url"])
        assert got.status_code == 200, got
        assert len(got.content) == rendition["size"]
        assert got.headers["Cache-Control"] == "public, max-age=31536000, immutable"
        assert got.headers["X-Content-Type-Options"] == "nosniff"
        again = api.client.get(rendition["url"], headers={"If-None-Match": got.headers["ETag"]})
        assert again.status_code == 304, again
        assert not got.headers["ETag"].startswith("W/")
    original = api.client.get(image["original_url"])
    assert original.content == photo(1, 800, 600)
    print(f"single upload, {len(image['renditions'])} renditions, original: as sent")


def refusals(client: httpx.Client) -> None:
    for path, options, status, code in (
        ("/media/%2e%2e/%2e%2e/etc/passwd", {}, 400, "bad_request"),
        ("/api/list", {"headers": {"X-Long": "a" * 20_000}}, 431, "headers_too_large"),
        ("/api/images/" + "a" * 20_000, {}, 414, "uri_too_long"),
    ):
        answer = client.get(path, **options)
        assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
        assert answer.headers["Content-Type"] == "application/problem+json", answer.headers
    print("refusals of nginx: problem+json")


def socket(url: str, token: str, api: Api) -> None:
    address = url.replace("http", "ws", 1) + "/ws/upload/"
    with connect(address, subprotocols=["imageapi", f"bearer.{token}"]) as heard:
        assert json.loads(heard.recv(10))["type"] == "connection"
        job = api.multi([(f"{n}.jpg", photo(100 + n, 300, 200)) for n in range(4)]).json()["job_id"]
        told = {json.loads(heard.recv(30))["image_id"] for _ in range(4)}
    assert told == {image["id"] for image in api.images(job)}
    print("socket: 4 of 4 images told")


def batch(api: Api, restart: threading.Thread) -> None:
    """20 requests of 50; one that a restart cut off is sent again with its Idempotency-Key."""
    started, sent_again, jobs = time.monotonic(), 0, []
    restart.start()
    for number in range(COUNT // REQUEST):
        files = [
            (f"{n}.jpg", photo(10_000 + n, 640, 480)) for n in range(number * REQUEST, (number + 1) * REQUEST)
        ]
        answer = None
        while answer is None or answer.status_code in (409, 502, 503, 504):
            sent_again += answer is not None
            try:
                answer = api.batch(files, headers={"Idempotency-Key": f"{started}-{number}"})
            except httpx.TransportError:
                sent_again += 1
        assert answer.status_code == 202, answer.text
        jobs.append(answer.json()["job_id"])
    accepted = time.monotonic() - started
    restart.join()
    states: Counter[str] = Counter()
    for job in jobs:
        finished = patiently(api, job)
        assert finished["completed"] == REQUEST, finished
        images = api.images(job)
        states.update(image["status"] for image in images)
        assert len({image["id"] for image in images}) == REQUEST
        events = api.events(job)
        assert [event["seq"] for event in events] == list(range(1, finished["seq"] + 1))
        assert [event["type"] for event in events].count("job.finished") == 1
        told = Counter(image["id"] for event in events for image in event.get("images", ()))
        assert set(told.values()) == {1}
        for image in images:
            assert api.client.head(image["renditions"][-1]["url"]).status_code == 200
    assert states == Counter(completed=COUNT), states
    seconds = time.monotonic() - started
    print(
        f"batch: {COUNT} of {COUNT} completed, each told once; accepted in {accepted:.0f} s, "
        f"all in {seconds:.0f} s; {sent_again} requests sent again"
    )


def patiently(api: Api, job: str) -> dict[str, Any]:
    """Follows the job as a client does that meets a restart: it asks again."""
    end = time.monotonic() + 240
    while True:
        try:
            return api.finished(job, 60)
        except (httpx.TransportError, httpx.HTTPStatusError, ValueError, KeyError):
            if time.monotonic() > end:
                raise


def restarts(web: Sequence[str], workers: Sequence[str]) -> None:
    for name in (item for pair in zip(web, workers, strict=False) for item in pair):
        began = time.monotonic()
        subprocess.run(("docker", "restart", "--time", "20", name), check=True, stdout=subprocess.DEVNULL)
        print(f"restarted {name} in {time.monotonic() - began:.1f} s", flush=True)


if __name__ == "__main__":
    address, given, *names = sys.argv[1:]
    split = names.index("--") if "--" in names else len(names)
    main(address, given, names[:split], names[split + 1 :])
