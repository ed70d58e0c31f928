"""Partial uploads become one."""

from __future__ import annotations

import hashlib

import httpx
import pytest

from tests.api import Api
from tests.drawing import photo
from tests.uploads.resumable.clients import VERSION, Tus, metadata
from tests.uploads.resumable.test_tus import image_of, problem

PICTURE = photo(21, 320, 240)
CUTS = [PICTURE[:100], PICTURE[100:5000], PICTURE[5000:]]


@pytest.fixture
def tus(api: Api) -> Tus:
    return Tus(api.client)


def partial(tus: Tus, data: bytes) -> str:
    url = tus.created(len(data), Upload_Concat="partial")
    assert tus.patch(url, 0, data).status_code == 204
    return url


def final(tus: Tus, urls: list[str], **headers: str) -> httpx.Response:
    given = {**VERSION, "Upload-Concat": f"final;{' '.join(urls)}", **headers}
    return tus.http.post("/api/uploads", headers=given)


def test_whole_partial_uploads_become_one_image(tus: Tus, api: Api) -> None:
    before = api.client.get("/api/me").json()["usage"]["bytes"]
    first, *rest = [partial(tus, cut) for cut in CUTS]
    assert tus.head(first).headers["Upload-Concat"] == "partial"
    urls = [f"{tus.http.base_url}".rstrip("/") + first, *rest]  # whole addresses, or paths
    answer = final(tus, urls, **{"Upload-Metadata": metadata(filename="big.jpg")})
    assert answer.status_code == 201, answer.text
    image = image_of(api, answer)
    assert (image["name"], image["checksum"]) == ("big.jpg", f"sha256:{hashlib.sha256(PICTURE).hexdigest()}")
    head = tus.head(answer.headers["Location"])
    assert head.headers["Upload-Concat"] == f"final;{' '.join(urls)}"
    assert head.headers["Upload-Length"] == head.headers["Upload-Offset"] == str(len(PICTURE))
    assert api.client.get("/api/me").json()["usage"]["bytes"] == before + len(PICTURE)
    problem(tus.patch(answer.headers["Location"], len(PICTURE), b"x"), 403, "upload_is_final")
    problem(final(tus, urls), 409, "upload_not_partial")


def test_a_partial_upload_is_no_image_by_itself(tus: Tus) -> None:
    whole = tus.create(len(PICTURE), PICTURE, Upload_Concat="partial")
    assert (whole.status_code, whole.headers["Upload-Offset"]) == (201, str(len(PICTURE)))
    assert "Content-Location" not in whole.headers
    again = tus.patch(whole.headers["Location"], len(PICTURE), b"")
    assert again.status_code == 204


def test_what_cannot_be_put_together_is_refused(tus: Tus) -> None:
    whole, unfinished = partial(tus, CUTS[0]), tus.created(100, Upload_Concat="partial")
    problem(final(tus, [whole, unfinished]), 409, "partial_unfinished")
    problem(final(tus, [whole, tus.created(100)]), 409, "upload_not_partial")
    problem(final(tus, [whole, whole]), 400, "invalid_upload_concat")
    problem(final(tus, []), 400, "invalid_upload_concat")
    problem(final(tus, ["/etc/passwd"]), 400, "invalid_upload_concat")
    problem(final(tus, [whole], **{"Upload-Length": "100"}), 400, "invalid_upload_length")
    problem(final(tus, ["/api/uploads/00000000-0000-7000-8000-000000000000"]), 404, "not_found")
    tus.delete(unfinished)
    problem(final(tus, [whole, unfinished]), 410, "upload_terminated")


def test_parts_that_make_no_picture_are_refused_and_gone(tus: Tus) -> None:
    url = partial(tus, b"x" * 200)
    problem(final(tus, [url]), 422, "unsupported_format")
    assert tus.patch(url, 200, b"").headers["Upload-Offset"] == "200"
