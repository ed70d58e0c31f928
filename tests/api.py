"""What tests do with the service over HTTP, in the words of its users."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import httpx

File = tuple[str, bytes]


class Api:
    """A client of one account."""

    def __init__(self, client: httpx.Client) -> None:
        self.client = client

    def upload(self, file: File, **kwargs: Any) -> httpx.Response:
        return self.client.post("/api/upload", files=[("image", file)], **kwargs)

    def multi(self, files: Sequence[File], **kwargs: Any) -> httpx.Response:
        return self.client.post("/api/async/upload", files=[("images", file) for file in files], **kwargs)

    def batch(self, files: Sequence[File], **kwargs: Any) -> httpx.Response:
        return self.client.post(
            "/api/async/batch/upload", files=[("images", file) for file in files], **kwargs
        )

    def job(self, job_id: str) -> dict[str, Any]:
        answer = self.client.get(f"/api/jobs/{job_id}")
        answer.raise_for_status()
        return answer.json()

    def finished(self, job_id: str, seconds: float = 60) -> dict[str, Any]:
        """The job once it is finished; fails where it is not in time. Follows the log, as clients do."""
        end = time.monotonic() + seconds
        seq = 0
        while time.monotonic() < end:
            params = {"since": seq, "wait": 5}
            seq = self.client.get(f"/api/jobs/{job_id}/events", params=params).json()["seq"]
            job = self.job(job_id)
            if job["finished_at"]:
                return job
        raise AssertionError(f"not finished after {seconds} s: {self.job(job_id)}")

    def images(self, job_id: str) -> list[dict[str, Any]]:
        """All images of the job, in upload order, across all pages."""
        images: list[dict[str, Any]] = []
        url: str | None = f"/api/jobs/{job_id}/images?limit=1000"
        while url:
            page = self.client.get(url).json()
            images += page["results"]
            url = page["next"]
        return images

    def events(self, job_id: str) -> list[dict[str, Any]]:
        """The job's whole log."""
        events: list[dict[str, Any]] = []
        while True:
            since = events[-1]["seq"] if events else 0
            more = self.client.get(f"/api/jobs/{job_id}/events", params={"since": since}).json()["events"]
            if not more:
                return events
            events += more
