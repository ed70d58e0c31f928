"""Accounts at once: a small batch behind a large one, and twenty accounts of different backlog.

First the small one on an idle service, then behind the large one; then the images done of each of twenty
accounts of equal weight in ten seconds in which all have some waiting.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence

import httpx

from benchmarks.support.client import distinct, photos, upload
from benchmarks.support.home import new_home
from benchmarks.support.table import show
from tests.database import execute
from tests.stack import ROOT, Stack

LARGE, SMALL = int(os.environ.get("BENCH_LARGE", "3000")), 10
ACCOUNTS, SECONDS = 20, 10.0
REQUEST = 500
_PEOPLE = """
import json, django
django.setup()
from knox.models import AuthToken
from processing.accounts.models import Plan, User
plan = Plan.objects.get(name="Enterprise")
plan.requests_per_minute = 100000
plan.max_files = 1000
plan.save()
people = [User.objects.create_user(f"bench{n}", password=None, plan=plan) for n in range(%d)]
print(json.dumps([AuthToken.objects.create(user)[1] for user in people]))
"""


def run() -> None:
    drawn = photos(40, 400, 300)
    with Stack(new_home(), {"IMAGEAPI_WORKERS": "2", "LOG_LEVEL": "WARNING"}) as stack:
        clients = [_client(stack, token) for token in _people(stack)]
        _behind(stack, clients, drawn)
        _together(stack, clients, drawn)


def _people(stack: Stack) -> list[str]:
    env = {
        **os.environ,
        "IMAGEAPI_HOME": str(stack.home),
        "DJANGO_SETTINGS_MODULE": "imageapi.settings",
    }
    argv = [sys.executable, "-c", _PEOPLE % ACCOUNTS]
    done = subprocess.run(argv, cwd=ROOT, env=env, capture_output=True, check=True)
    return list(json.loads(done.stdout.splitlines()[-1]))


def _client(stack: Stack, token: str) -> httpx.Client:
    return httpx.Client(base_url=stack.url, headers={"Authorization": f"Bearer {token}"}, timeout=120)


def _behind(stack: Stack, clients: Sequence[httpx.Client], drawn: Sequence[bytes]) -> None:
    large, small = clients[:2]
    _done(stack, small, drawn, "warm")
    alone = min(_done(stack, small, drawn, f"alone{n}") for n in range(3))
    job = ""
    for start in range(0, LARGE, REQUEST):
        job = upload(large, "/api/async/batch/upload", distinct(drawn, REQUEST, f"large{start}"))
    behind = _done(stack, small, drawn, "behind")
    left = large.get(f"/api/jobs/{job}").json()
    assert not left["finished_at"], "the large one was done too early to tell anything"
    row = [f"{SMALL} behind {LARGE}", f"{alone:.2f}", f"{behind:.2f}", f"{behind / alone:.2f}"]
    show(["", "alone s", "behind s", "ratio"], [row])
    finish_all(large)


def _done(stack: Stack, client: httpx.Client, drawn: Sequence[bytes], salt: str) -> float:
    started = time.perf_counter()
    job = upload(client, "/api/async/batch/upload", distinct(drawn, SMALL, salt))
    while not client.get(f"/api/jobs/{job}").json()["finished_at"]:
        client.get(f"/api/jobs/{job}/events", params={"since": 10**6, "wait": 1})
    return time.perf_counter() - started


def finish_all(client: httpx.Client) -> None:
    while client.get("/api/list", params={"status": "pending", "limit": 1}).json():
        time.sleep(0.5)


def _together(stack: Stack, clients: Sequence[httpx.Client], drawn: Sequence[bytes]) -> None:
    """Each account has more waiting than ten seconds can make; the first has three times the last."""
    for number, client in enumerate(clients):
        count = 150 + 15 * (ACCOUNTS - number)
        upload(client, "/api/async/batch/upload", distinct(drawn, count, f"together{number}"))
    before = _counts(stack)
    time.sleep(SECONDS)
    after = _counts(stack)
    made = [after[name] - before.get(name, 0) for name in after if name.startswith("bench")]
    mean = sum(made) / len(made)
    spread = max(abs(each - mean) for each in made) / mean
    show(
        ["accounts", "seconds", "images", "fewest", "most", "furthest from the mean"],
        [[ACCOUNTS, SECONDS, sum(made), min(made), max(made), f"{spread:.0%}"]],
    )


def _counts(stack: Stack) -> dict[str, int]:
    return dict(
        execute(
            stack,
            "SELECT u.username, count(*) FILTER (WHERE i.status = 'completed') FROM processing_user u "
            "LEFT JOIN processing_image i ON i.owner_id = u.id GROUP BY u.username",
        )
    )
