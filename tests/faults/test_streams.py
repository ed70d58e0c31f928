"""Clients of Server-Sent Events, through nginx and over kills of the web server: none lost, none doubled."""

from __future__ import annotations

import json
import os
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.api import Api
from tests.browser.launching import running_chromium
from tests.database import execute
from tests.faults.driver import batch, client_of, kill, pictures, web
from tests.interfaces.npm import installed
from tests.proxying import nginx
from tests.stack import Stack

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

IMAGES, JOBS = 1000, 10
NODE = """
import { EventSource } from "eventsource";
const [url, token] = process.argv.slice(2);
const source = new EventSource(url, {
  fetch: (input, init) =>
    fetch(input, { ...init, headers: { ...init.headers, Authorization: `Bearer ${token}` } }),
});
source.onmessage = (event) => console.log(event.lastEventId);
// The client lets its process end while it waits to come back.
setInterval(() => {}, 60_000);
source.onerror = (event) => console.error("npm eventsource:", event.code, event.message);
"""
PAGE = """
(url) => { window.ids = []; new EventSource(url).onmessage = (event) => window.ids.push(+event.lastEventId); }
"""


@pytest.fixture(scope="module")
def own_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with Stack(tmp_path_factory.mktemp("streams") / "home", {"IMAGEAPI_BEHIND_PROXY": "1"}) as running:
        yield running


class Curl:
    """`curl -N`, begun again with the last id whenever it ends, as its user would write it."""

    def __init__(self, url: str, token: str, start: int) -> None:
        self.url, self.token, self.ids = url, token, [start]
        self.over = False
        self.process: subprocess.Popen[str] | None = None
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self) -> None:
        while not self.over:
            headers = (
                f"Authorization: Bearer {self.token}",
                "Accept: text/event-stream",
                f"Last-Event-ID: {self.ids[-1]}",
            )
            options = [part for header in headers for part in ("-H", header)]
            self.process = subprocess.Popen(
                ["curl", "-sNf", *options, self.url], stdout=subprocess.PIPE, text=True
            )
            assert self.process.stdout is not None
            place = 0
            for line in self.process.stdout:
                if line.startswith("id: "):
                    place = int(line[4:])
                elif line == "\n" and place > self.ids[-1]:
                    self.ids.append(place)
            self.process.wait()
            time.sleep(0.2)

    def close(self) -> list[int]:
        self.over = True
        assert self.process is not None
        self.process.terminate()
        self.thread.join(10)
        return self.ids[1:]


@contextmanager
def node(url: str, token: str, folder: Path) -> Iterator[list[int]]:
    installed(folder, "eventsource@5.1.5")
    (folder / "client.mjs").write_text(NODE)
    process = subprocess.Popen(
        ["node", "client.mjs", url, token], cwd=folder, stdout=subprocess.PIPE, text=True, env=os.environ
    )
    ids: list[int] = []
    assert process.stdout is not None
    lines = process.stdout
    reader = threading.Thread(target=lambda: ids.extend(int(line) for line in lines), daemon=True)
    reader.start()
    try:
        yield ids
    finally:
        process.terminate()
        process.wait(10)


@contextmanager
def browser_page(base: str, path: str, stack: Stack) -> Iterator[Callable[[], list[int]]]:
    with running_chromium() as browser:
        page = browser.new_page()
        page.goto(f"{base}/login")
        page.fill("input[name=username]", stack.username)
        page.fill("input[name=password]", stack.password)
        page.click("button[type=submit], input[type=submit]")
        page.wait_for_load_state()
        page.evaluate(PAGE, path)
        yield lambda: page.evaluate("() => window.ids")


def test_no_event_is_lost_or_doubled_while_the_web_server_is_killed(own_stack: Stack, tmp_path: Path) -> None:
    with client_of(own_stack, retries=5) as api, nginx(own_stack.port, tmp_path) as base:
        start = api.client.get("/api/events").json()["seq"]
        url, path = f"{base}/api/events?since={start}", f"/api/events?since={start}"
        curl = Curl(url, own_stack.token, start)
        with (
            node(url, own_stack.token, tmp_path) as of_node,
            browser_page(base, path, own_stack) as of_chromium,
        ):
            jobs = [batch(api, pictures(IMAGES // JOBS)) for _ in range(JOBS)]
            for share in (0.3, 0.6):
                _until(lambda share=share: _done(own_stack, jobs) >= IMAGES * share)
                kill(web(own_stack))
                time.sleep(1)
            _until(lambda: _done(own_stack, jobs) == IMAGES)
            end = _end(own_stack)
            expected = list(range(start + 1, end + 1))
            _until(lambda: curl.ids[-1] == end, 60)
            _until(lambda: bool(of_node) and of_node[-1] == end, 60)
            _until(lambda: (of_chromium() or [0])[-1] == end, 60)
            heard = {"curl -N": curl.close(), "npm eventsource": list(of_node), "Chromium": of_chromium()}
        for name, ids in heard.items():
            assert ids == expected, (name, sorted(set(expected) - set(ids)), len(ids) - len(set(ids)))
        _every_image_once(api, start, jobs)
        print(f"{IMAGES} images, {len(expected)} events, two kills: {', '.join(heard)} heard each once")


def _every_image_once(api: Api, start: int, jobs: list[str]) -> None:
    told: list[str] = []
    while events := api.client.get(f"/api/events?since={start}").json()["events"]:
        start += len(events)
        told += [image["id"] for event in events for image in event.get("images", [])]
    assert len(told) == len(set(told)) == IMAGES


def _done(stack: Stack, jobs: list[str]) -> int:
    found = execute(stack, "SELECT sum(completed) FROM processing_job WHERE id = ANY(%s::uuid[])", jobs)
    return int(found[0][0])


def _end(stack: Stack) -> int:
    return int(execute(stack, "SELECT max(position) FROM processing_accountlog")[0][0])


def _until(true: Callable[[], Any], seconds: float = 300) -> None:
    end = time.monotonic() + seconds
    while True:
        with suppress(httpx.HTTPError, json.JSONDecodeError):
            if true():
                return
        assert time.monotonic() < end
        time.sleep(0.1)
