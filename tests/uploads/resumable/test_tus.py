"""tus 1.0.0, rule by rule, on the running service."""

from __future__ import annotations

import base64
import hashlib
from typing import Any

import httpx
import pytest

from tests.api import Api
from tests.drawing import photo
from tests.stack import Stack
from tests.uploads.resumable.clients import VERSION, Tus, metadata

PICTURE = photo(19, 320, 240)
HALF = len(PICTURE) // 2


@pytest.fixture
def tus(api: Api) -> Tus:
    return Tus(api.client)


def problem(answer: httpx.Response, status: int, code: str) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.headers["Tus-Resumable"] == "1.0.0"
    body = answer.json()
    assert (body["status"], body["code"]) == (status, code)
    return body


def checksum(data: bytes, algorithm: str = "sha1") -> str:
    return f"{algorithm} {base64.b64encode(hashlib.new(algorithm, data).digest()).decode()}"


def image_of(api: Api, answer: httpx.Response) -> dict[str, Any]:
    """The image that the last answer names, once its job is finished."""
    job = answer.headers["Content-Location"].rpartition("/")[2]
    done = api.finished(job)
    assert (done["kind"], done["status"], done["total"]) == ("resumable", "completed", 1)
    (image,) = api.images(job)
    assert image["id"] == answer.headers["X-Image-Id"]
    return image


def test_options_says_what_is_spoken_to_everybody(stack: Stack) -> None:
    for path in ("/api/uploads", "/api/uploads/"):
        answer = httpx.options(stack.url + path)
        assert answer.status_code == 204
        assert answer.headers["Tus-Version"] == "1.0.0"
        assert set(answer.headers["Tus-Extension"].split(",")) == {
            "creation",
            "creation-with-upload",
            "creation-defer-length",
            "expiration",
            "checksum",
            "termination",
            "concatenation",
        }
        assert answer.headers["Tus-Checksum-Algorithm"] == "sha1,sha256"


def test_options_tells_an_account_its_largest_file(tus: Tus) -> None:
    answer = tus.http.options("/api/uploads", headers=VERSION)
    assert int(answer.headers["Tus-Max-Size"]) == 200 * 1024 * 1024


def test_a_file_in_two_pieces_becomes_an_image(tus: Tus, api: Api) -> None:
    answer = tus.create(
        len(PICTURE), Upload_Metadata=metadata(filename="a/b\u202e.jpg", filetype="image/jpeg")
    )
    assert answer.status_code == 201
    assert "GMT" in answer.headers["Upload-Expires"]
    url = answer.headers["Location"]
    first = tus.patch(url, 0, PICTURE[:HALF])
    assert (first.status_code, first.headers["Upload-Offset"]) == (204, str(HALF))
    assert "Content-Location" not in first.headers
    last = tus.patch(url, HALF, PICTURE[HALF:])
    assert (last.status_code, last.headers["Upload-Offset"]) == (204, str(len(PICTURE)))
    image = image_of(api, last)
    assert image["checksum"] == f"sha256:{hashlib.sha256(PICTURE).hexdigest()}"
    assert image["name"] == "b.jpg"
    original = api.client.get(image["original_url"])
    assert original.content == PICTURE


def test_head_says_where_an_upload_stands(tus: Tus) -> None:
    sent = metadata(filename="a.jpg") + ",is_confidential"
    url = tus.created(len(PICTURE), Upload_Metadata=sent)
    tus.patch(url, 0, PICTURE[:100])
    answer = tus.head(url)
    assert answer.status_code == 200
    assert answer.headers["Upload-Offset"] == "100"
    assert answer.headers["Upload-Length"] == str(len(PICTURE))
    assert answer.headers["Upload-Metadata"] == sent
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Tus-Resumable"] == "1.0.0"


def test_after_the_end_head_and_an_empty_patch_name_the_image_again(tus: Tus) -> None:
    url = tus.created(len(PICTURE))
    last = tus.patch(url, 0, PICTURE)
    for again in (tus.head(url), tus.patch(url, len(PICTURE), b"")):
        assert again.headers["Upload-Offset"] == str(len(PICTURE))
        assert again.headers["X-Image-Id"] == last.headers["X-Image-Id"]
        assert again.headers["Content-Location"] == last.headers["Content-Location"]
    assert problem(tus.patch(url, 0, PICTURE), 409, "offset_mismatch")["expected-offset"] == len(PICTURE)


def test_the_bytes_may_come_with_the_creation(tus: Tus, api: Api) -> None:
    answer = tus.create(len(PICTURE), PICTURE)
    assert (answer.status_code, answer.headers["Upload-Offset"]) == (201, str(len(PICTURE)))
    image_of(api, answer)
    some = tus.create(len(PICTURE), PICTURE[:1000])
    assert (some.status_code, some.headers["Upload-Offset"]) == (201, "1000")
    image_of(api, tus.patch(some.headers["Location"], 1000, PICTURE[1000:]))


def test_a_creation_with_bytes_of_another_type_is_refused(tus: Tus) -> None:
    answer = tus.create(len(PICTURE), PICTURE, Content_Type="image/jpeg")
    problem(answer, 415, "unsupported_media_type")


def test_the_length_may_come_later_once(tus: Tus, api: Api) -> None:
    url = tus.created(None)
    assert tus.head(url).headers["Upload-Defer-Length"] == "1"
    assert tus.patch(url, 0, PICTURE[:HALF]).status_code == 204
    assert tus.patch(url, HALF, PICTURE[HALF:-1], Upload_Length=str(len(PICTURE))).status_code == 204
    assert tus.head(url).headers["Upload-Length"] == str(len(PICTURE))
    other = tus.patch(url, len(PICTURE) - 1, PICTURE[-1:], Upload_Length="5000000")
    problem(other, 400, "inconsistent_length")
    image_of(api, tus.patch(url, len(PICTURE) - 1, PICTURE[-1:]))


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({}, "invalid_upload_length"),
        ({"Upload-Length": "-1"}, "invalid_upload_length"),
        ({"Upload-Length": "1.5"}, "invalid_upload_length"),
        ({"Upload-Length": "9" * 30}, "invalid_upload_length"),
        ({"Upload-Length": "0"}, "empty_file"),
        ({"Upload-Defer-Length": "2"}, "invalid_upload_defer_length"),
        ({"Upload-Defer-Length": "1", "Upload-Length": "5"}, "invalid_upload_defer_length"),
        ({"Upload-Length": "5", "Upload-Metadata": "filename !!"}, "invalid_metadata"),
        ({"Upload-Length": "5", "Upload-Metadata": "a YQ==,a YQ=="}, "invalid_metadata"),
        ({"Upload-Length": "5", "Upload-Metadata": "filename //8="}, "invalid_metadata"),
        ({"Upload-Length": "5", "Upload-Metadata": "filename AA=="}, "invalid_metadata"),
        ({"Upload-Length": "5", "Upload-Metadata": metadata(webhook_url="ftp://x")}, "blocked_address"),
        ({"Upload-Length": "5", "Upload-Concat": "middle"}, "invalid_upload_concat"),
        ({"Upload-Length": "5", "Idempotency-Key": "ä".encode()}, "invalid_idempotency_key"),
    ],
)
def test_a_creation_that_is_none_is_refused_by_name(tus: Tus, headers: dict[str, str], code: str) -> None:
    problem(tus.http.post("/api/uploads", headers={**VERSION, **headers}), 400, code)


def test_too_large_a_file_is_refused_before_a_byte_is_sent(tus: Tus) -> None:
    body = problem(tus.create(200 * 1024 * 1024 + 1), 413, "file_too_large")
    assert (body["limit"], body["actual"], body["plan"]) == (200 << 20, (200 << 20) + 1, "Enterprise")


@pytest.mark.parametrize("version", ["0.2.2", "1.0.1", ""])
def test_another_version_is_told_which_one_is_spoken(tus: Tus, version: str) -> None:
    url = tus.created(10)
    for method, path in (("POST", "/api/uploads"), ("HEAD", url), ("PATCH", url), ("DELETE", url)):
        answer = tus.http.request(method, path, headers={"Tus-Resumable": version, "Upload-Length": "5"})
        assert answer.status_code == 412
        assert answer.headers["Tus-Version"] == "1.0.0"


def test_a_patch_of_another_type_is_refused(tus: Tus) -> None:
    url = tus.created(len(PICTURE))
    for kind in ("application/octet-stream", "image/jpeg", ""):
        problem(tus.patch(url, 0, PICTURE, Content_Type=kind), 415, "unsupported_media_type")
    assert tus.offset(url) == 0


@pytest.mark.parametrize("offset", ["", "-1", "x", "1e3", "9" * 40])
def test_a_patch_says_its_offset(tus: Tus, offset: str) -> None:
    url = tus.created(len(PICTURE))
    problem(tus.patch(url, 0, PICTURE, Upload_Offset=offset), 400, "invalid_upload_offset")


def test_a_wrong_offset_is_answered_with_the_right_one(tus: Tus) -> None:
    url = tus.created(len(PICTURE))
    tus.patch(url, 0, PICTURE[:100])
    for offset in (0, 99, 101, 10**12):
        body = problem(tus.patch(url, offset, b"x"), 409, "offset_mismatch")
        assert (body["expected-offset"], body["provided-offset"]) == (100, offset)
    assert tus.offset(url) == 100


def test_more_bytes_than_its_length_are_refused_and_none_is_kept(tus: Tus, api: Api) -> None:
    url = tus.created(len(PICTURE))
    problem(tus.patch(url, 0, PICTURE + b"!"), 413, "upload_too_long")
    assert tus.offset(url) == 0
    image_of(api, tus.patch(url, 0, PICTURE))


@pytest.mark.parametrize("algorithm", ["sha1", "sha256"])
def test_a_right_checksum_is_kept_a_wrong_one_drops_its_bytes(tus: Tus, api: Api, algorithm: str) -> None:
    url = tus.created(len(PICTURE))
    right = tus.patch(url, 0, PICTURE[:HALF], Upload_Checksum=checksum(PICTURE[:HALF], algorithm))
    assert right.status_code == 204
    wrong = tus.patch(url, HALF, PICTURE[HALF:], Upload_Checksum=checksum(b"other", algorithm))
    problem(wrong, 460, "checksum_mismatch")
    assert tus.offset(url) == HALF
    last = tus.patch(url, HALF, PICTURE[HALF:], Upload_Checksum=checksum(PICTURE[HALF:], algorithm))
    assert image_of(api, last)["checksum"] == f"sha256:{hashlib.sha256(PICTURE).hexdigest()}"


@pytest.mark.parametrize(
    ("header", "code"),
    [
        ("md5 1B2M2Y8AsgTpgAmY7PhCfg==", "unknown_checksum_algorithm"),
        ("sha1", "invalid_upload_checksum"),
        ("sha1 !!!", "invalid_upload_checksum"),
        ("sha1 YQ==", "invalid_upload_checksum"),
        ("crc32 YQ==", "unknown_checksum_algorithm"),
    ],
)
def test_a_checksum_that_is_none_is_refused(tus: Tus, header: str, code: str) -> None:
    url = tus.created(len(PICTURE))
    problem(tus.patch(url, 0, PICTURE, **{"Upload-Checksum": header}), 400, code)
    assert tus.offset(url) == 0


def test_a_terminated_upload_is_gone(tus: Tus) -> None:
    url = tus.created(len(PICTURE))
    tus.patch(url, 0, PICTURE[:500])
    assert tus.delete(url).status_code == 204
    assert tus.head(url).status_code == 410
    problem(tus.patch(url, 500, PICTURE[500:]), 410, "upload_terminated")
    problem(tus.delete(url), 410, "upload_terminated")


def test_what_is_no_picture_is_refused_at_its_first_64_bytes(tus: Tus) -> None:
    url = tus.created(5000)
    assert tus.patch(url, 0, b"%PDF-1.7").status_code == 204
    problem(tus.patch(url, 8, b"x" * 100), 422, "unsupported_format")
    assert tus.head(url).status_code == 422
    problem(tus.patch(url, 108, b"x" * 100), 422, "unsupported_format")


def test_a_whole_file_that_cannot_be_read_is_refused_each_time_alike(tus: Tus) -> None:
    url = tus.created(300)
    answer = tus.patch(url, 0, PICTURE[:300])
    body = problem(answer, 422, answer.json()["code"])
    assert body["code"] in ("truncated", "undecodable")
    problem(tus.patch(url, 0, PICTURE[:300]), 422, body["code"])


def test_the_method_may_come_in_a_header(tus: Tus, api: Api) -> None:
    url = tus.created(len(PICTURE))
    headers = {**VERSION, "X-HTTP-Method-Override": "PATCH", "Upload-Offset": "0"}
    headers["Content-Type"] = "application/offset+octet-stream"
    answer = tus.http.post(url, content=PICTURE, headers=headers)
    assert answer.status_code == 204
    image_of(api, answer)
    other = tus.created(10)
    assert tus.http.post(other, headers={**VERSION, "X-HTTP-Method-Override": "DELETE"}).status_code == 204
    assert tus.head(other).status_code == 410
    assert tus.http.post(other, headers={**VERSION, "X-HTTP-Method-Override": "GET"}).status_code == 405


def test_another_account_finds_nothing(tus: Tus, stack: Stack) -> None:
    url = tus.created(10)
    unknown = "/api/uploads/00000000-0000-7000-8000-000000000000"
    assert tus.head(unknown).status_code == 404
    assert httpx.head(stack.url + url, headers={**VERSION, "Authorization": "Bearer no"}).status_code == 401
    problem(tus.patch(unknown, 0, b"x"), 404, "not_found")


def test_the_same_creation_sent_again_with_its_key_is_the_same_upload(tus: Tus) -> None:
    key = {"Idempotency_Key": "resumable-1"}
    first = tus.create(len(PICTURE), **key)
    tus.patch(first.headers["Location"], 0, PICTURE[:10])
    again = tus.create(len(PICTURE), **key)
    assert again.headers["Location"] == first.headers["Location"]
    assert again.headers["Upload-Offset"] == "10"
    problem(tus.create(len(PICTURE) + 1, **key), 422, "idempotency_key_reused")


def test_what_lies_there_counts_until_it_goes(tus: Tus, api: Api) -> None:
    def used() -> int:
        return int(api.client.get("/api/me").json()["usage"]["bytes"])

    before, picture = used(), photo(1900, 300, 200)
    url = tus.created(len(picture))
    tus.patch(url, 0, picture[:1000])
    assert used() == before + 1000
    tus.delete(url)
    assert used() == before
    tus.create(len(picture), picture)
    assert used() == before + len(picture)
