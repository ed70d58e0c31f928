"""Bodies as they arrive: connections that break, two at once, web servers that take over."""

from __future__ import annotations

import hashlib
import io
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
from tusclient.client import TusClient

from tests.api import Api
from tests.drawing import photo
from tests.serving import web_server
from tests.stack import Stack
from tests.uploads.resumable.clients import BYTES, PARTIAL, VERSION, Broken, Draft, Tus, metadata
from tests.uploads.resumable.test_tus import image_of, problem

PICTURE = photo(22, 900, 700)
HALF = len(PICTURE) // 2


@pytest.fixture
def tus(api: Api) -> Tus:
    return Tus(api.client)


@pytest.fixture(scope="module")
def second(stack: Stack) -> Iterator[str]:
    """Another web server of the same service."""
    with web_server(stack) as url:
        yield url


def begun(stack: Stack, url: str, sent: bytes, length: int = len(PICTURE)) -> Broken:
    """A PATCH from the beginning whose body stops after `sent`."""
    headers = {**VERSION, "Authorization": f"Bearer {stack.token}", "Content-Type": BYTES}
    headers |= {"Upload-Offset": "0", "Content-Length": str(length)}
    return Broken(stack.url, "PATCH", url, headers, sent)


def stands_at(tus: Tus, url: str, offset: int, seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while tus.offset(url) != offset:
        assert time.monotonic() < end, f"{tus.offset(url)}, not {offset}"
        time.sleep(0.05)


def test_what_came_before_the_connection_broke_is_kept(stack: Stack, tus: Tus, api: Api) -> None:
    url = tus.created(len(PICTURE))
    request = begun(stack, url, PICTURE[:HALF])
    request.hang_up()
    stands_at(tus, url, HALF)
    image = image_of(api, tus.patch(url, HALF, PICTURE[HALF:]))
    assert image["checksum"] == f"sha256:{hashlib.sha256(PICTURE).hexdigest()}"


def test_while_one_request_writes_another_is_locked_out(stack: Stack, tus: Tus, second: str) -> None:
    url = tus.created(len(PICTURE))
    request = begun(stack, url, PICTURE[:1000])
    locked = wait_until_locked(tus, url)
    assert locked.headers["Retry-After"] == "1"
    with httpx.Client(base_url=second, headers=dict(tus.http.headers)) as other:
        problem(Tus(other).patch(url, 0, PICTURE), 423, "upload_locked")
    request.send(PICTURE[1000:])
    assert b" 204 " in request.answer()


def wait_until_locked(tus: Tus, url: str) -> httpx.Response:
    end = time.monotonic() + 30
    while True:
        answer = tus.patch(url, 1, b"")  # a wrong offset, whether it is locked or not
        if answer.status_code == 423 or time.monotonic() > end:
            problem(answer, 423, "upload_locked")
            return answer


def test_by_the_draft_a_new_request_ends_the_old_one(stack: Stack, api: Api) -> None:
    draft = Draft(api.client)
    url = draft.created()
    headers = {"Authorization": f"Bearer {stack.token}", "Content-Type": PARTIAL, "Upload-Complete": "?1"}
    headers |= {"Upload-Offset": "0", "Content-Length": str(len(PICTURE))}
    old = Broken(stack.url, "PATCH", url, headers, PICTURE[:1000])
    wait_until_locked(Tus(api.client), url)
    offset = int(draft.head(url).headers["Upload-Offset"])
    last = draft.patch(url, offset, PICTURE[offset:], "?1")
    assert last.status_code == 202, last.text
    old.send(b"x" * (len(PICTURE) - 1000))
    assert b" 202 " not in old.answer()
    assert api.finished(last.json()["job_id"])["completed"] == 1
    (image,) = api.images(last.json()["job_id"])
    assert image["checksum"] == f"sha256:{hashlib.sha256(PICTURE).hexdigest()}"


def test_no_picture_is_refused_while_it_is_still_coming(stack: Stack, tus: Tus) -> None:
    url = tus.created(10_000_000)
    request = begun(stack, url, b"%PDF-1.7" + b" " * 100, 10_000_000)
    assert b" 422 " in request.answer()
    assert tus.head(url).status_code == 422


def test_a_wrong_offset_is_refused_before_the_body_comes(stack: Stack, tus: Tus) -> None:
    url = tus.created(len(PICTURE))
    tus.patch(url, 0, PICTURE[:100])
    assert b" 409 " in begun(stack, url, b"").answer()


def test_the_same_last_request_ten_times_at_once_is_one_image(tus: Tus, api: Api) -> None:
    url = tus.created(len(PICTURE), Upload_Metadata=metadata(filename="ten.jpg"))
    tus.patch(url, 0, PICTURE[:HALF])
    with ThreadPoolExecutor(10) as pool:
        answers = list(pool.map(lambda _: tus.patch(url, HALF, PICTURE[HALF:]), range(10)))
    statuses = sorted(answer.status_code for answer in answers)
    assert statuses[0] == 204
    assert set(statuses[1:]) <= {409, 423}
    done = next(answer for answer in answers if answer.status_code == 204)
    image_of(api, done)
    found = api.client.get("/api/list?limit=1000").json()
    assert (
        len(
            [
                image
                for image in found
                if image["checksum"] == digest_of(PICTURE) and not image["duplicate_of"]
            ]
        )
        == 1
    )


def digest_of(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def test_another_web_server_goes_on_with_it(tus: Tus, api: Api, second: str) -> None:
    url = tus.created(len(PICTURE))
    with httpx.Client(base_url=second, headers=dict(tus.http.headers), timeout=60) as client:
        other = Tus(client)
        step = len(PICTURE) // 5 + 1
        for at in range(0, len(PICTURE), step):
            server = other if at // step % 2 else tus
            answer = server.patch(url, at, PICTURE[at : at + step])
            assert answer.status_code == 204, answer.text
    assert image_of(api, answer)["checksum"] == digest_of(PICTURE)


def test_tuspy_sends_a_file_in_chunks(stack: Stack, api: Api, tmp_path: Path) -> None:
    client = TusClient(f"{stack.url}/api/uploads", headers={"Authorization": f"Bearer {stack.token}"})
    picture = photo(23, 640, 480)
    uploader = client.uploader(
        file_stream=io.BytesIO(picture),
        chunk_size=20_000,
        metadata={"filename": "tuspy.jpg"},
        upload_checksum=True,
    )
    uploader.upload()
    image = next(image for image in api.client.get("/api/list").json() if image["name"] == "tuspy.jpg")
    assert image["checksum"] == digest_of(picture)


def test_metadata_carries_the_webhook(tus: Tus, api: Api) -> None:
    sent = metadata(filename="a.jpg", webhook_url="https://receiver.invalid/hook")
    url = tus.created(len(PICTURE), Upload_Metadata=sent)
    job = tus.patch(url, 0, PICTURE).headers["Content-Location"]
    assert api.client.get(job).json()["webhook_url"] == "https://receiver.invalid/hook"
