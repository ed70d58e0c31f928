"""The users of locustfile.py, for a few seconds, in locust's own process."""

from __future__ import annotations

import itertools
import json
import sys
from pathlib import Path

import pytest

from benchmarks.load import locust
from tests.api import Api
from tests.stack import Stack

ASKED = {
    ("Single", "Multi", "Batch"): {
        ("POST", "/api/upload"),
        ("POST", "/api/async/upload"),
        ("POST", "/api/async/batch/upload"),
        ("GET", "/api/jobs/ID/events (held)"),
        ("JOB", "/api/async/upload, to the end"),
        ("JOB", "/api/async/batch/upload, to the end"),
    },
    ("Csv", "Feed", "Socket"): {
        ("POST", "/imgproc/upload?dry_run=1"),
        ("POST", "/imgproc/upload"),
        ("GET", "/imgproc/status/ID/"),
        ("GET", "/api/feed"),
        ("GET", "/api/feed?hue="),
        ("GET", "/api/list"),
        ("WS", "/ws/feed/ connect"),
        ("WS", "/ws/feed/ set_hue to its page"),
        ("WS", "/ws/upload/ connect"),
        ("WS", "/ws/upload/ photo sent to pushed"),
    },
}


def one_of_each(users: tuple[str, ...]) -> list[str]:
    fixed = [json.dumps({"user_class_name": name, "fixed_count": 1}) for name in users]
    return ["--config-users", *fixed]


@pytest.mark.parametrize("users", ASKED, ids=" ".join)
def test_no_request_of_its_users_fails(stack: Stack, tmp_path: Path, users: tuple[str, ...]) -> None:
    # What was begun within the time is ended after it: the final numbers, not those written meanwhile.
    told = tmp_path / "stats"
    done = locust(stack, 3, 5, *users, "--json-file", str(told), *one_of_each(users))
    assert done.returncode == 0, done.stdout
    rows = json.loads(told.with_suffix(".json").read_text())
    asked = {(row["method"], row["name"]) for row in rows if row["num_requests"]}
    assert asked >= ASKED[users], done.stdout
    assert [row for row in rows if row["num_failures"]] == []
    assert "locust" not in sys.modules, "it patches sockets and threads of the process it is imported in"


def test_no_file_of_its_users_is_a_duplicate(api: Api, stack: Stack) -> None:
    newest = {image["id"] for image in api.client.get("/api/list?limit=1").json()}
    done = locust(stack, 3, 3, "Single", "Multi", "Batch", *one_of_each(("Single", "Multi", "Batch")))
    assert done.returncode == 0, done.stdout
    images = api.client.get("/api/list?limit=1000").json()
    sent = list(itertools.takewhile(lambda image: image["id"] not in newest, images))
    assert sent
    assert [image for image in sent if image["duplicate_of"]] == []


def test_what_was_not_expected_ends_in_exit_code_1(stack: Stack) -> None:
    done = locust(stack, 2, 2, "Feed", "Socket", *one_of_each(("Feed", "Socket")), token="unknown")
    assert done.returncode == 1
    assert "401 instead of 200" in done.stdout
    assert "code=4401" in done.stdout
