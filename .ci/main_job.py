"""The main job of a running service, with its own packages only: python main_job.py URL TOKEN."""

from __future__ import annotations

import io
import sys
import time
from typing import Any

import httpx
import numpy
from PIL import Image

COUNT = 20


def main(url: str, token: str) -> None:
    with httpx.Client(base_url=url, headers={"Authorization": f"Bearer {token}"}, timeout=60) as client:
        print(f"single: {_single(client)} renditions")
        began = time.monotonic()
        _batch(client)
        print(f"batch: {COUNT} of {COUNT} completed in {time.monotonic() - began:.1f} s")


def _single(client: httpx.Client) -> int:
    answer = client.post("/api/upload", files={"image": ("one.jpg", _photo(0))}).raise_for_status()
    image = answer.json()["image"]
    assert image["status"] == "completed", image
    for rendition in image["renditions"]:
        got = client.get(rendition["url"]).raise_for_status()
        assert Image.open(io.BytesIO(got.content)).size == (rendition["width"], rendition["height"])
    return len(image["renditions"])


def _batch(client: httpx.Client) -> None:
    files = [("images", (f"{number}.jpg", _photo(number))) for number in range(1, COUNT + 1)]
    job = client.post("/api/async/batch/upload", files=files).raise_for_status().json()["job_id"]
    deadline = time.monotonic() + 120
    while (seen := _job(client, job))["finished_at"] is None:
        assert time.monotonic() < deadline, seen
        time.sleep(0.1)
    assert seen["completed"] == COUNT, seen


def _job(client: httpx.Client, job: str) -> dict[str, Any]:
    found: dict[str, Any] = client.get(f"/api/jobs/{job}").raise_for_status().json()
    return found


def _photo(seed: int) -> bytes:
    """A soft gradient with some noise, 800 x 600."""
    random = numpy.random.default_rng(seed)
    small = Image.fromarray(random.integers(0, 255, (6, 8, 3), dtype=numpy.uint8))
    file = io.BytesIO()
    small.resize((800, 600), Image.Resampling.BICUBIC).save(file, "JPEG", quality=90)
    return file.getvalue()


if __name__ == "__main__":
    main(*sys.argv[1:])
