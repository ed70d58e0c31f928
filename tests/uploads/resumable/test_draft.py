"""The IETF's resumable uploads, rule by rule, on the running service."""

from __future__ import annotations

import base64
import hashlib
import re
from typing import Any

import httpx
import pytest

from tests.api import Api
from tests.drawing import photo
from tests.stack import Stack
from tests.uploads.resumable.clients import Draft

PICTURE = photo(20, 320, 240)
HALF = len(PICTURE) // 2
TYPES = "https://iana.org/assignments/http-problem-types#"


@pytest.fixture
def draft(api: Api) -> Draft:
    return Draft(api.client)


def problem(answer: httpx.Response, status: int, code: str, complete: str = "?0") -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.headers["Upload-Complete"] == complete
    body = answer.json()
    assert (body["status"], body["code"]) == (status, code)
    return body


def digest(data: bytes) -> str:
    return f"sha-256=:{base64.b64encode(hashlib.sha256(data).digest()).decode()}:"


def is_whole(api: Api, answer: httpx.Response, picture: bytes = PICTURE) -> dict[str, Any]:
    """The image of the final answer to an upload created at /api/uploads."""
    assert answer.status_code == 202, answer.text
    assert answer.headers["Upload-Complete"] == "?1"
    assert answer.headers["Repr-Digest"] == digest(picture)
    job = answer.headers["Location"].rpartition("/")[2]
    assert answer.json()["job_id"] == job
    assert api.finished(job)["status"] == "completed"
    (image,) = api.images(job)
    assert image["id"] == answer.headers["X-Image-Id"] == answer.json()["accepted"][0]["id"]
    assert image["checksum"] == f"sha256:{hashlib.sha256(picture).hexdigest()}"
    return image


def test_options_tells_the_limits(stack: Stack, draft: Draft) -> None:
    unknown = {"X-Forwarded-For": "203.0.113.1"}
    answer = httpx.options(f"{stack.url}/api/uploads", headers=unknown)
    assert (answer.status_code, answer.headers["Upload-Limit"]) == (204, "min-size=0")
    assert draft.http.options("/api/uploads").headers["Upload-Limit"] == "max-size=209715200"


@pytest.mark.parametrize("interop", [5, 6, 8])
def test_a_careful_upload_in_pieces(api: Api, interop: int) -> None:
    draft = Draft(api.client, interop)
    created = draft.create(
        b"", "?0", Content_Disposition="inline; filename=\"x.jpg\"; filename*=UTF-8''f%C3%A9.jpg"
    )
    assert created.status_code == 201
    assert (created.headers["Upload-Complete"], created.headers["Upload-Offset"]) == ("?0", "0")
    assert re.fullmatch(r"max-size=209715200, max-age=86\d\d\d", created.headers["Upload-Limit"])
    url = created.headers["Location"]
    first = draft.patch(url, 0, PICTURE[:HALF], "?0")
    assert (first.status_code, first.headers["Upload-Offset"]) == (204, str(HALF))
    assert first.headers["Upload-Complete"] == "?0"
    assert is_whole(api, draft.patch(url, HALF, PICTURE[HALF:], "?1"))["name"] == "fé.jpg"


def test_all_in_one_request(draft: Draft, api: Api) -> None:
    image = is_whole(api, draft.create(PICTURE, "?1", path="/api/uploads?name=one.jpg"))
    assert image["name"] == "one.jpg"


def test_the_end_may_come_with_an_empty_request(draft: Draft, api: Api) -> None:
    created = draft.create(PICTURE, "?0", Upload_Length=str(len(PICTURE)))
    assert (created.status_code, created.headers["Upload-Offset"]) == (201, str(len(PICTURE)))
    url = created.headers["Location"]
    assert draft.head(url).headers["Upload-Complete"] == "?0", "the client says when it is whole"
    is_whole(api, draft.patch(url, len(PICTURE), b"", "?1"))


def test_head_tells_offset_completeness_length_and_limits(draft: Draft, api: Api) -> None:
    url = draft.created()
    draft.patch(url, 0, PICTURE[:700], "?0")
    for headers in ({}, {"Upload-Draft-Interop-Version": "8"}):
        answer = draft.http.head(url, headers=headers)
        assert answer.status_code == 204
        assert (answer.headers["Upload-Offset"], answer.headers["Upload-Complete"]) == ("700", "?0")
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["Upload-Limit"].startswith("max-size=209715200, max-age=")
        assert "Upload-Length" not in answer.headers
    last = draft.patch(url, 700, PICTURE[700:], "?1")
    is_whole(api, last)
    after = draft.head(url)
    assert (after.headers["Upload-Offset"], after.headers["Upload-Complete"]) == (str(len(PICTURE)), "?1")
    assert after.headers["Upload-Length"] == str(len(PICTURE))


def test_the_last_patch_repeated_gives_its_answer_again(draft: Draft, api: Api) -> None:
    url = draft.created()
    draft.patch(url, 0, PICTURE[:HALF], "?0")
    last = draft.patch(url, HALF, PICTURE[HALF:], "?1")
    for again in (draft.patch(url, HALF, PICTURE[HALF:], "?1"), draft.patch(url, len(PICTURE), b"", "?1")):
        assert is_whole(api, again)["id"] == last.headers["X-Image-Id"]


def test_a_wrong_offset_is_answered_with_the_right_one(draft: Draft) -> None:
    url = draft.created()
    draft.patch(url, 0, PICTURE[:700], "?0")
    answer = draft.patch(url, 300, PICTURE[300:], "?1")
    body = problem(answer, 409, "offset_mismatch")
    assert answer.headers["Upload-Offset"] == "700"
    assert body["type"] == f"{TYPES}mismatching-upload-offset"
    assert (body["expected-offset"], body["provided-offset"]) == (700, 300)


def test_lengths_that_disagree_are_refused(draft: Draft) -> None:
    url = draft.created(length=len(PICTURE))
    body = problem(draft.patch(url, 0, PICTURE[:100], "?1"), 400, "inconsistent_length")
    assert body["type"] == f"{TYPES}inconsistent-upload-length"
    told = draft.patch(url, 0, PICTURE[:100], "?0", Upload_Length="5")
    problem(told, 400, "inconsistent_length")
    assert draft.head(url).headers["Upload-Offset"] == "0"
    created = draft.create(PICTURE, "?1", Upload_Length="5")
    problem(created, 400, "inconsistent_length")


def test_past_its_length_an_upload_is_dead(draft: Draft) -> None:
    url = draft.created(length=len(PICTURE) - 1)
    answer = draft.patch(url, 0, PICTURE, "?0")
    body = problem(answer, 400, "inconsistent_length", "?1")
    assert body["type"] == f"{TYPES}inconsistent-upload-length"
    problem(draft.patch(url, 0, PICTURE[:10], "?0"), 400, "inconsistent_length", "?1")


def test_a_file_too_large_is_refused_at_creation_with_the_limit(draft: Draft) -> None:
    answer = draft.create(b"", "?0", Upload_Length=str(209715201))
    assert problem(answer, 413, "file_too_large")["limit"] == 209715200
    assert answer.headers["Upload-Limit"] == "max-size=209715200"


def test_a_patch_of_another_type_is_refused(draft: Draft) -> None:
    url = draft.created()
    problem(draft.patch(url, 0, PICTURE, "?1", Content_Type="image/jpeg"), 415, "unsupported_media_type")


@pytest.mark.parametrize("value", ["1", "true", "?2", "", '"?1"'])
def test_a_field_of_another_type_is_as_if_absent(draft: Draft, value: str) -> None:
    url = draft.created()
    problem(draft.patch(url, 0, PICTURE, value), 400, "invalid_upload_complete")
    answer = draft.create(b"", "?0", Upload_Length=f"{value}x")
    assert "Upload-Length" not in draft.head(answer.headers["Location"]).headers


def test_parameters_of_a_field_are_ignored(draft: Draft, api: Api) -> None:
    answer = draft.create(PICTURE, "?1;foo=bar; x", Upload_Length=f"{len(PICTURE)};a")
    is_whole(api, answer)


@pytest.mark.parametrize("offset", ["", "-1", "1.5", "x", "9999999999999999"])
def test_a_patch_says_its_offset(draft: Draft, offset: str) -> None:
    url = draft.created()
    problem(draft.patch(url, 0, PICTURE, "?0", Upload_Offset=offset), 400, "invalid_upload_offset")


def test_an_empty_file_is_refused(draft: Draft) -> None:
    problem(draft.create(b"", "?1"), 400, "empty_file")
    url = draft.created()
    problem(draft.patch(url, 0, b"", "?1"), 400, "empty_file", "?1")


def test_what_is_no_picture_is_the_outcome(draft: Draft) -> None:
    problem(draft.create(b"x" * 100, "?1"), 422, "unsupported_format", "?1")
    url = draft.created()
    problem(draft.patch(url, 0, b"x" * 100, "?0"), 422, "unsupported_format", "?1")
    problem(draft.patch(url, 0, b"x" * 100, "?0"), 422, "unsupported_format", "?1")


def test_digests_are_checked(draft: Draft, api: Api) -> None:
    url = draft.created()
    wrong = draft.patch(url, 0, PICTURE, "?1", Content_Digest=digest(b"other"))
    problem(wrong, 400, "digest_mismatch")
    assert draft.head(url).headers["Upload-Offset"] == "0"
    is_whole(api, draft.patch(url, 0, PICTURE, "?1", Content_Digest=digest(PICTURE)))
    problem(draft.create(PICTURE, "?1", Repr_Digest=digest(b"other")), 400, "digest_mismatch", "?1")
    is_whole(api, draft.create(PICTURE, "?1", Repr_Digest=f"md5=:AAAA:, {digest(PICTURE)}"))


def test_a_cancelled_upload_is_gone(draft: Draft) -> None:
    url = draft.created()
    assert draft.http.delete(url).status_code == 204
    assert draft.head(url).status_code == 410
    problem(draft.patch(url, 0, PICTURE, "?1"), 410, "upload_terminated")


def test_a_conventional_upload_may_be_resumed(draft: Draft) -> None:
    answer = draft.create(PICTURE, "?1", path="/api/upload?name=one.jpg", Content_Type="image/jpeg")
    assert answer.status_code == 200, answer.text
    assert answer.headers["Upload-Complete"] == "?1"
    assert answer.json()["message"] == "Image uploaded successfully"
    assert answer.json()["image"]["name"] == "one.jpg"
    some = draft.create(PICTURE[:HALF], "?0", path="/api/upload", Content_Type="image/jpeg")
    assert some.status_code == 201
    last = draft.patch(some.headers["Location"], HALF, PICTURE[HALF:], "?1")
    assert last.status_code == 200, last.text
    assert last.json()["image"]["status"] == "completed"


def test_a_multipart_upload_that_invites_to_an_upgrade_is_just_taken(api: Api) -> None:
    answer = api.upload(("a.jpg", PICTURE), headers={"Upload-Complete": "?1"})
    assert answer.status_code == 200, answer.text


def test_a_body_of_unknown_length(draft: Draft, api: Api) -> None:
    def pieces() -> Any:
        yield PICTURE[:HALF]
        yield PICTURE[HALF:]

    is_whole(api, draft.create(pieces(), "?1"))
