"""Open batches: a job that images join until it is closed."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.api import Api
from tests.drawing import photo
from tests.uploads.resumable.clients import Draft, Tus, metadata
from tests.uploads.resumable.test_tus import problem


@pytest.fixture
def tus(api: Api) -> Tus:
    return Tus(api.client)


def opened(api: Api) -> str:
    answer = api.client.post("/api/batches", json={})
    assert answer.status_code == 201, answer.text
    assert answer.json()["upload_url"] == "/api/uploads"
    return answer.json()["job_id"]


def joined(tus: Tus, job: str, seed: int) -> Any:
    picture = photo(seed, 120, 90)
    answer = tus.create(len(picture), picture, Upload_Metadata=metadata(filename=f"{seed}.jpg", batch=job))
    assert answer.status_code == 201, answer.text
    assert answer.headers["Content-Location"] == f"/api/jobs/{job}"
    return answer


def invariant(job: dict[str, Any]) -> None:
    counted = job["completed"] + job["failed"] + job["aborted"]
    assert counted <= job["total"]
    assert (counted == job["total"]) == (job["finished_at"] is not None)


def test_uploads_join_until_the_batch_is_closed(tus: Tus, api: Api) -> None:
    job = opened(api)
    invariant(api.job(job))
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda seed: joined(tus, job, seed), range(3100, 3112)))
    waiting = api.job(job)
    invariant(waiting)
    assert waiting["finished_at"] is None
    closed = api.client.post(f"/api/batches/{job}/close")
    assert closed.status_code == 202
    assert closed.json()["total"] == 12
    done = api.finished(job)
    assert (done["kind"], done["status"], done["completed"], done["total"]) == ("batch", "completed", 12, 12)
    images = api.images(job)
    assert [image["index"] for image in images] == list(range(12))
    events = api.events(job)
    assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
    assert [event["type"] for event in events].count("job.finished") == 1
    assert api.client.post(f"/api/batches/{job}/close").status_code == 202, "again is no error"
    assert api.job(job)["seq"] == done["seq"]


def test_a_batch_that_is_closed_takes_no_more(tus: Tus, api: Api) -> None:
    job, picture = opened(api), photo(3120, 120, 90)
    url = tus.created(len(picture), Upload_Metadata=metadata(batch=job))
    api.client.post(f"/api/batches/{job}/close")
    problem(tus.patch(url, 0, picture), 409, "batch_closed")
    problem(tus.create(10, Upload_Metadata=metadata(batch=job)), 409, "batch_closed")
    done = api.job(job)
    assert (done["total"], done["status"]) == (0, "completed")
    assert done["finished_at"]


def test_an_unknown_batch_is_refused(tus: Tus) -> None:
    for batch in ("00000000-0000-7000-8000-000000000000", "x"):
        problem(tus.create(10, Upload_Metadata=metadata(batch=batch)), 400, "unknown_batch")


def test_a_cancelled_batch_is_closed(tus: Tus, api: Api) -> None:
    job = opened(api)
    joined(tus, job, 3130)
    assert api.client.post(f"/api/jobs/{job}/cancel").status_code == 202
    assert api.finished(job)["total"] == 1
    assert [event["type"] for event in api.events(job)].count("job.finished") == 1


def test_the_other_protocol_joins_too(api: Api) -> None:
    job = opened(api)
    answer = Draft(api.client).create(photo(3140, 120, 90), "?1", path=f"/api/uploads?batch={job}")
    assert answer.headers["Location"] == f"/api/jobs/{job}"
    api.client.post(f"/api/batches/{job}/close")
    assert api.finished(job)["completed"] == 1


def test_another_kind_of_job_cannot_be_closed(api: Api) -> None:
    job = api.multi([("a.jpg", photo(3150, 60, 40))]).json()["job_id"]
    answer = api.client.post(f"/api/batches/{job}/close")
    assert (answer.status_code, answer.json()["code"]) == (409, "not_a_batch")
