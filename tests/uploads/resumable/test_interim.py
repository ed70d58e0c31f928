"""The interim answer 104: an upload that breaks in its first request can be continued."""

from __future__ import annotations

import re
from collections.abc import Iterator

import httpx
import pytest

from tests.api import Api
from tests.drawing import photo
from tests.stack import Stack
from tests.uploads.resumable.clients import Broken, Draft

PICTURE = photo(60, 320, 240)
HALF = len(PICTURE) // 2


@pytest.fixture(scope="module")
def telling(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with Stack(tmp_path_factory.mktemp("interim") / "home", {"IMAGEAPI_INTERIM_RESPONSES": "1"}) as running:
        yield running


def begun(stack: Stack, **headers: str) -> Broken:
    """A creation of which half of the body has come."""
    given = {
        "Authorization": f"Bearer {stack.token}",
        "Upload-Complete": "?1",
        "Content-Length": str(len(PICTURE)),
        **{name.replace("_", "-"): value for name, value in headers.items()},
    }
    return Broken(stack.url, "POST", "/api/uploads", given, PICTURE[:HALF])


@pytest.mark.parametrize("interop", [5, 6, 8])
def test_it_tells_the_address_before_the_body_is_there(telling: Stack, interop: int) -> None:
    request = begun(telling, Upload_Draft_Interop_Version=str(interop))
    head = request.answer().decode()
    assert head.startswith("HTTP/1.1 104 Upload Resumption Supported\r\n")
    assert f"Upload-Draft-Interop-Version: {interop}\r\n" in head
    assert "Upload-Limit: max-size=" in head
    found = re.search(r"^Location: (/api/uploads/\S+)\r$", head, re.MULTILINE)
    assert found
    request.hang_up()
    bearer = {"Authorization": f"Bearer {telling.token}"}
    with httpx.Client(base_url=telling.url, headers=bearer, timeout=30) as client:
        draft = Draft(client, interop)
        offset = int(draft.head(found[1]).headers["Upload-Offset"])
        assert 0 < offset <= HALF
        answer = draft.patch(found[1], offset, PICTURE[offset:], "?1")
        assert answer.status_code == 202, answer.text
        job = answer.json()["job_id"]
        assert Api(client).finished(job)["status"] == "completed"


def test_the_final_answer_follows_it(telling: Stack) -> None:
    request = begun(telling, Upload_Draft_Interop_Version="8")
    assert request.answer().startswith(b"HTTP/1.1 104 ")
    request.send(PICTURE[HALF:])
    assert request.answer().startswith(b"HTTP/1.1 202 ")


@pytest.mark.parametrize("version", [{}, {"Upload_Draft_Interop_Version": "7"}])
def test_who_does_not_speak_of_it_hears_only_the_final_answer(
    telling: Stack, version: dict[str, str]
) -> None:
    request = begun(telling, **version)
    request.send(PICTURE[HALF:])
    assert request.answer().startswith(b"HTTP/1.1 202 ")


def test_it_is_off_unless_it_is_set(stack: Stack) -> None:
    request = begun(stack, Upload_Draft_Interop_Version="8")
    request.send(PICTURE[HALF:])
    assert request.answer().startswith(b"HTTP/1.1 202 ")
