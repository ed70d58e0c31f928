"""A task an image beside tasks of many images, for 200, 300 and 1,000 pictures in one request.

The system this replaces reported 7.0 / 2.0 s, 6.9 / 2.6 s and 24.7 / 10.5 s for them.
"""

from __future__ import annotations

import time

from benchmarks.support.client import connect, distinct, finish, photos, upload
from benchmarks.support.home import new_home
from benchmarks.support.table import show
from tests.stack import Stack


def run() -> None:
    drawn = photos(40, 400, 300)
    rows = []
    with (
        Stack(new_home(), {"LOG_LEVEL": "WARNING"}) as stack,
        connect(stack) as client,
    ):
        finish(stack, upload(client, "/api/async/upload", drawn))
        for count in (200, 300, 1000):
            times = []
            for path in ("/api/async/upload", "/api/async/batch/upload"):
                files = distinct(drawn, count, path)
                started = time.perf_counter()
                finish(stack, upload(client, path, files))
                times.append(time.perf_counter() - started)
            multi, batch = times
            rows.append([count, f"{multi:.2f}", f"{batch:.2f}", f"{multi / batch:.2f}"])
    show(["pictures of 400x300", "multi s", "batch s", "ratio"], rows)
