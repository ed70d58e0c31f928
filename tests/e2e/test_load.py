"""The users of locustfile.py, for a few seconds, in locust's own process."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from benchmarks.load import locust
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
        ("GET", "/imgproc/status/ID/"),
        ("GET", "/api/feed?hue="),
    },
}


def one_of_each(users: tuple[str, ...]) -> list[str]:
    fixed = [json.dumps({"user_class_name": name, "fixed_count": 1}) for name in users]
    return ["--config-users", *fixed]


@pytest.mark.parametrize("users", ASKED, ids=" ".join)
def test_no_request_of_its_users_fails(stack: Stack, tmp_path: Path, users: tuple[str, ...]) -> None:
    done = locust(stack, 3, 5, *users, "--csv", str(tmp_path / "of"), *one_of_each(users))
    assert done.returncode == 0, done.stdout
    with (tmp_path / "of_stats.csv").open() as file:
        rows = list(csv.DictReader(file))
    asked = {(row["Type"], row["Name"]) for row in rows if int(row["Request Count"])}
    assert asked >= ASKED[users], done.stdout
    assert [row for row in rows if int(row["Failure Count"])] == []
    if "Socket" in users:
        assert ("WS", "/ws/feed/ first page") in asked or ("WS", "/ws/upload/ first frame") in asked


def test_a_status_that_was_not_expected_ends_in_exit_code_1(stack: Stack) -> None:
    done = locust(stack, 3, 1, "Single", "Feed", "Socket", token="unknown")
    assert done.returncode == 1
    assert "401 instead of 200" in done.stdout
