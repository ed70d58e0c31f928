"""The three doors, through the real service."""

from __future__ import annotations

import base64
import hashlib
import io
from typing import Any
from uuid import uuid4

import httpx
import pytest
from PIL import Image

from tests.api import Api
from tests.drawing import photo
from tests.stack import Stack

SEEDS = iter(range(10_000, 20_000))


def fresh(width: int = 160, height: int = 120, **kwargs: Any) -> bytes:
    """A photo this service has never seen."""
    return photo(next(SEEDS), width, height, **kwargs)


def problem(answer: httpx.Response, status: int, code: str) -> dict[str, Any]:
    """Asserts that the answer is this problem, in the shape that all have."""
    body = answer.json()
    assert (answer.status_code, body["code"]) == (status, code), body
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert body["status"] == status
    assert {"type", "title", "detail", "errors"} <= body.keys()
    return body


def test_a_single_upload_is_processed_when_it_is_answered(api: Api) -> None:
    data = fresh(600, 900)
    answer = api.upload(("hello.jpg", data))
    assert answer.status_code == 200
    body = answer.json()
    assert body["message"] == "Image uploaded successfully"
    image = body["image"]
    assert image["status"] == "completed"
    assert (image["name"], image["size"], image["index"]) == ("hello.jpg", len(data), 0)
    assert image["checksum"] == f"sha256:{hashlib.sha256(data).hexdigest()}"
    assert (image["width"], image["height"], image["content_type"]) == (600, 900, "image/jpeg")
    assert 1 <= len(image["colors"]) <= 4
    assert sum(color["share"] for color in image["colors"]) <= 1.001
    assert base64.b64decode(image["placeholder"])
    sizes = {r["name"]: (r["width"], r["height"]) for r in image["renditions"]}
    assert sizes == {"web": (600, 900), "thumbnail-200": (133, 200), "thumbnail-400": (267, 400)}


def test_renditions_open_carry_the_promised_headers_and_never_change(api: Api) -> None:
    image = api.upload(("a.jpg", fresh(1800, 1200))).json()["image"]
    for rendition in image["renditions"]:
        got = httpx.get(api.client.base_url.join(rendition["url"]))
        assert got.status_code == 200
        assert len(got.content) == rendition["size"]
        opened = Image.open(io.BytesIO(got.content))
        assert opened.size == (rendition["width"], rendition["height"])
        assert got.headers["Cache-Control"] == "public, max-age=31536000, immutable"
        assert got.headers["X-Content-Type-Options"] == "nosniff"
        assert got.headers["Content-Type"] == rendition["content_type"] == "image/jpeg"
        etag = got.headers["ETag"]
        assert etag.startswith('"')
        again = httpx.get(str(got.url), headers={"If-None-Match": etag})
        assert (again.status_code, again.content) == (304, b"")
    assert image["renditions"][0]["width"] == 1500


@pytest.mark.parametrize("path", ["/api/async/upload", "/api/async/upload/"])
def test_many_are_accepted_at_once_and_followed_by_their_job(api: Api, path: str) -> None:
    files = [("images", (f"{n}.jpg", fresh())) for n in range(3)]
    answer = api.client.post(path, files=files)
    assert answer.status_code == 202
    body = answer.json()
    assert body["message"] == "Images upload initiated"
    assert answer.headers["Location"] == f"/api/jobs/{body['job_id']}"
    assert [item["index"] for item in body["accepted"]] == [0, 1, 2]
    assert body["rejected"] == []
    job = api.finished(body["job_id"])
    assert (job["kind"], job["status"], job["completed"]) == ("multi", "completed", 3)
    assert [image["id"] for image in api.images(job["id"])] == [item["id"] for item in body["accepted"]]


def test_three_bad_files_among_a_hundred_fail_no_other(api: Api) -> None:
    files = [(f"{n}.jpg", fresh(60, 40)) for n in range(100)]
    files[10] = ("empty.jpg", b"")
    files[50] = ("text.jpg", b"this is no image at all" * 10)
    files[90] = ("cut.png", photo(1, 60, 40, "PNG")[:20])
    answer = api.batch(files)
    assert answer.status_code == 202
    body = answer.json()
    assert body["message"] == "Batch upload of 97 images initiated"
    assert [(item["index"], item["name"]) for item in body["rejected"]] == [
        (10, "empty.jpg"),
        (50, "text.jpg"),
        (90, "cut.png"),
    ]
    codes = [item["code"] for item in body["rejected"]]
    assert codes[:2] == ["empty_file", "unsupported_format"]
    assert codes[2] in ("undecodable", "truncated")
    job = api.finished(body["job_id"])
    assert (job["status"], job["total"], job["completed"]) == ("completed", 97, 97)


def test_when_all_are_bad_the_answer_names_each(api: Api) -> None:
    before = api.client.get("/api/jobs?limit=1").json()["results"]
    body = problem(api.batch([("a.jpg", b"no"), ("b.jpg", b"")]), 400, "unsupported_format")
    assert [(e["index"], e["name"], e["code"]) for e in body["errors"]] == [
        (0, "a.jpg", "unsupported_format"),
        (1, "b.jpg", "empty_file"),
    ]
    assert api.client.get("/api/jobs?limit=1").json()["results"] == before


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/api/upload", "no_image"),
        ("/api/async/upload", "no_images"),
        ("/api/async/batch/upload", "no_images"),
    ],
)
def test_a_request_without_a_file_says_what_is_missing(api: Api, path: str, code: str) -> None:
    problem(api.client.post(path, data={"webhook_url": ""}, files={"x": ("", b"")}), 400, code)
    problem(api.client.post(path), 400, code)


@pytest.mark.parametrize(
    ("data", "status", "code"),
    [
        (b"", 400, "empty_file"),
        (b"%PDF-1.4 not for us", 415, "unsupported_format"),
        (photo(3, 40, 40)[:300], 422, "undecodable"),
    ],
)
def test_a_single_bad_file_has_a_status_of_its_own(api: Api, data: bytes, status: int, code: str) -> None:
    answer = api.upload(("x.jpg", data))
    assert answer.status_code == status
    assert answer.json()["code"] in (code, "truncated")


def test_two_files_in_a_single_upload_are_refused_with_the_limit(api: Api) -> None:
    files = [("image", ("a.jpg", fresh())), ("image", ("b.jpg", fresh()))]
    body = problem(api.client.post("/api/upload", files=files), 413, "too_many_files")
    assert (body["limit"], body["plan"]) == (1, "Enterprise")


def test_a_file_in_another_field_is_named(api: Api) -> None:
    body = problem(
        api.client.post("/api/upload", files={"picture": ("a.jpg", fresh())}), 400, "unexpected_field"
    )
    assert "`image`" in body["detail"]
    assert "`picture`" in body["detail"]


def test_a_truncated_body_of_pixels_fails_by_code_not_by_crash(api: Api) -> None:
    data = fresh(800, 600)
    job_id = api.multi([("cut.jpg", data[: len(data) // 2])]).json()["job_id"]
    job = api.finished(job_id)
    assert job["status"] == "failed"
    [image] = api.images(job_id)
    assert image["error"]["code"] in ("truncated", "undecodable")
    assert image["renditions"] == []


class TestDuplicates:
    def test_known_bytes_are_neither_stored_nor_processed_again(self, api: Api, stack: Stack) -> None:
        data = fresh()
        first = api.upload(("one.jpg", data)).json()["image"]
        originals = set((stack.home / "media" / "originals").rglob("*"))
        second = api.upload(("two.jpg", data)).json()["image"]
        assert second["duplicate_of"] == first["id"]
        assert second["id"] != first["id"]
        assert second["renditions"] == first["renditions"]
        assert set((stack.home / "media" / "originals").rglob("*")) == originals

    def test_the_same_file_twice_in_a_batch_completes_twice(self, api: Api) -> None:
        data = fresh()
        body = api.batch([("a.jpg", data), ("b.jpg", data)]).json()
        assert body["accepted"][1]["duplicate_of"] == body["accepted"][0]["id"]
        assert api.finished(body["job_id"])["completed"] == 2

    def test_a_client_can_ask_what_need_not_be_sent(self, api: Api) -> None:
        data = fresh()
        image = api.upload(("a.jpg", data)).json()["image"]
        unknown = "sha256:" + "0" * 64
        asked = api.client.post("/api/images/check", json={"checksums": [image["checksum"], unknown]})
        assert asked.json() == {"known": {image["checksum"]: image["id"]}}
        problem(api.client.post("/api/images/check", json={"checksums": ["md5:1"]}), 400, "invalid")


class TestIdempotency:
    def test_the_same_request_again_gets_the_first_answer_and_makes_no_job(self, api: Api) -> None:
        files, key = [("a.jpg", fresh()), ("bad.jpg", b"bad")], {"Idempotency-Key": str(uuid4())}
        first = api.multi(files, headers=key)
        second = api.multi(files, headers=key)
        assert (second.status_code, second.json()) == (202, first.json())
        assert second.headers["Location"] == first.headers["Location"]

    def test_another_payload_with_the_key_is_refused(self, api: Api) -> None:
        key = {"Idempotency-Key": f'"{uuid4()}"'}
        api.multi([("a.jpg", fresh())], headers=key)
        problem(api.multi([("a.jpg", fresh())], headers=key), 422, "idempotency_key_reused")

    def test_the_key_is_its_routes_own(self, api: Api) -> None:
        data, key = fresh(), {"Idempotency-Key": str(uuid4())}
        assert api.multi([("a.jpg", data)], headers=key).status_code == 202
        assert api.batch([("a.jpg", data)], headers=key).status_code == 202

    def test_a_single_upload_sent_again_gets_its_image_again(self, api: Api) -> None:
        data, key = fresh(), {"Idempotency-Key": str(uuid4())}
        first = api.upload(("a.jpg", data), headers=key)
        assert api.upload(("a.jpg", data), headers=key).json() == first.json()

    def test_a_key_that_is_none_is_refused(self, api: Api) -> None:
        for key in ("", "x" * 300, "two words"):
            answer = api.multi([("a.jpg", fresh())], headers={"Idempotency-Key": key})
            problem(answer, 400, "invalid_idempotency_key")


class TestAccess:
    def test_loopback_needs_no_credentials(self, stack: Stack) -> None:
        assert httpx.get(f"{stack.url}/api/list").status_code == 200

    def test_a_wrong_token_is_refused_not_taken_for_anonymous(self, stack: Stack) -> None:
        answer = httpx.get(f"{stack.url}/api/list", headers={"Authorization": "Bearer nonsense"})
        problem(answer, 401, "invalid_token")
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")

    def test_the_anonymous_account_does_not_see_the_administrators_images(
        self, api: Api, stack: Stack
    ) -> None:
        image = api.upload(("a.jpg", fresh())).json()["image"]
        for path in (
            f"/api/images/{image['id']}",
            f"/api/jobs/{image['job_id']}",
            f"/api/images/{image['id']}/original",
        ):
            problem(httpx.get(f"{stack.url}{path}"), 404, "not_found")

    def test_a_page_of_another_site_can_not_use_the_anonymous_account(self, stack: Stack) -> None:
        answer = httpx.get(f"{stack.url}/api/list", headers={"Origin": "https://evil.example"})
        problem(answer, 403, "foreign_origin")

    def test_a_token_is_made_and_taken_back(self, stack: Stack) -> None:
        credentials = {"username": "admin", "password": stack.password}
        made = httpx.post(f"{stack.url}/api/tokens", json=credentials)
        assert made.status_code == 201
        bearer = {"Authorization": f"Bearer {made.json()['token']}"}
        assert httpx.get(f"{stack.url}/api/me", headers=bearer).json()["user"]["username"] == "admin"
        assert httpx.delete(f"{stack.url}/api/tokens/current", headers=bearer).status_code == 204
        problem(httpx.get(f"{stack.url}/api/me", headers=bearer), 401, "invalid_token")
        wrong = httpx.post(f"{stack.url}/api/tokens", json={**credentials, "password": "no"})
        problem(wrong, 401, "invalid_credentials")
