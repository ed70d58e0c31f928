"""What changes under an upload that is half sent: its bytes, its account, its plan."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.administering import Account, Administrator
from tests.database import execute
from tests.drawing import photo
from tests.faults.driver import doctor
from tests.stack import Stack
from tests.uploads.resumable.clients import VERSION, Draft, Tus
from tests.uploads.resumable.test_tus import image_of, problem

PICTURE = photo(29, 900, 700)
HALF = len(PICTURE) // 2


@pytest.fixture(scope="module")
def alice(stack: Stack) -> Iterator[Account]:
    """An account of the smallest plan, which these tests change."""
    with Administrator(stack) as admin:
        admin.add_account("midway", "Basic")
    with Account(stack, "midway") as account:
        yield account
    assert doctor(stack) == ""


@pytest.fixture(autouse=True)
def as_it_was(stack: Stack, alice: Account) -> Iterator[None]:
    yield
    enable(stack, active=True)
    change_plan(stack, storage_quota_bytes=2**30, max_file_bytes=20 * 2**20)


@pytest.fixture
def tus(alice: Account) -> Tus:
    return Tus(alice.client)


def enable(stack: Stack, *, active: bool) -> None:
    execute(stack, "UPDATE processing_user SET is_active = %s WHERE username = 'midway'", active)


def change_plan(stack: Stack, **values: int) -> None:
    for name, value in values.items():
        execute(stack, f"UPDATE processing_plan SET {name} = %s WHERE name = 'Basic'", value)


def used(stack: Stack) -> int:
    return int(execute(stack, "SELECT used_bytes FROM processing_user WHERE username = 'midway'")[0][0])


def files_of(stack: Stack, url: str) -> list[Path]:
    name = url.rpartition("/")[2].replace("-", "")
    return list((stack.home / "media" / "resumable").glob(f"{name}.*"))


def half_sent(tus: Tus, **headers: str) -> str:
    url = tus.created(len(PICTURE), **headers)
    assert tus.patch(url, 0, PICTURE[:HALF]).status_code == 204
    return url


@pytest.mark.parametrize("left", [None, 0, HALF - 1], ids=["removed", "emptied", "one byte short"])
def test_an_upload_whose_bytes_somebody_removed_is_gone(stack: Stack, tus: Tus, left: int | None) -> None:
    before, urls = used(stack), [half_sent(tus) for _ in range(3)]
    for url in urls:
        [file] = files_of(stack, url)
        file.unlink() if left is None else file.write_bytes(PICTURE[:left])
    assert tus.head(urls[0]).status_code == 410
    problem(tus.patch(urls[1], HALF, PICTURE[HALF:]), 410, "upload_lost")
    problem(tus.patch(urls[2], HALF, PICTURE[HALF : HALF + 1]), 410, "upload_lost")
    for url in urls:
        assert tus.head(url).status_code == 410
        problem(tus.patch(url, HALF, PICTURE[HALF:]), 410, "upload_lost")
        assert files_of(stack, url) == []
        assert tus.delete(url).status_code == 204
    assert used(stack) == before


def test_by_the_draft_it_is_gone_too(stack: Stack, alice: Account) -> None:
    draft = Draft(alice.client)
    urls = [draft.created(len(PICTURE)) for _ in range(2)]
    for url in urls:
        draft.patch(url, 0, PICTURE[:HALF], "?0")
        files_of(stack, url)[0].unlink()
    assert draft.head(urls[0]).status_code == 410
    answer = draft.patch(urls[1], HALF, PICTURE[HALF:], "?1")
    assert (answer.status_code, answer.json()["code"]) == (410, "upload_lost")
    assert answer.headers["Upload-Complete"] == "?0"


@pytest.mark.parametrize("which", [0, 1])
def test_a_part_whose_bytes_are_gone_ends_alone(stack: Stack, tus: Tus, which: int) -> None:
    before, cuts = used(stack), [PICTURE[:HALF], PICTURE[HALF:]]
    parts = [tus.create(len(cut), cut, Upload_Concat="partial").headers["Location"] for cut in cuts]
    files_of(stack, parts[which])[0].unlink()
    final = {**VERSION, "Upload-Concat": f"final;{' '.join(parts)}"}
    problem(tus.http.post("/api/uploads", headers=final), 410, "upload_lost")
    assert tus.head(parts[which]).status_code == 410
    assert tus.offset(parts[1 - which]) == len(cuts[1 - which])
    tus.delete(parts[1 - which])
    assert used(stack) == before


def test_a_disabled_account_is_401_and_goes_on_when_it_is_enabled(
    stack: Stack, alice: Account, tus: Tus
) -> None:
    url = half_sent(tus)
    enable(stack, active=False)
    assert tus.head(url).status_code == 401
    problem(tus.patch(url, HALF, PICTURE[HALF:]), 401, "invalid_token")
    problem(tus.delete(url), 401, "invalid_token")
    enable(stack, active=True)
    assert tus.offset(url) == HALF
    image_of(alice, tus.patch(url, HALF, PICTURE[HALF:]))


def test_a_quota_reached_midway_is_413_and_goes_on_with_more_room(
    stack: Stack, alice: Account, tus: Tus
) -> None:
    picture = PICTURE + b"quota"
    url = tus.created(len(picture))
    tus.patch(url, 0, picture[:HALF])
    change_plan(stack, storage_quota_bytes=used(stack) + 10)
    refused = problem(tus.patch(url, HALF, picture[HALF:-1]), 413, "quota_exceeded")
    assert refused["limit"] == used(stack) + 10
    assert tus.offset(url) == HALF
    change_plan(stack, storage_quota_bytes=2**30)
    image_of(alice, tus.patch(url, HALF, picture[HALF:]))


def test_a_quota_too_small_for_the_last_piece_keeps_nothing(stack: Stack, tus: Tus) -> None:
    before, picture = used(stack), PICTURE + b"last"
    url = tus.created(len(picture))
    tus.patch(url, 0, picture[:HALF])
    change_plan(stack, storage_quota_bytes=used(stack) + 10)
    for _ in range(2):
        problem(tus.patch(url, HALF, picture[HALF:]), 413, "quota_exceeded")
    assert used(stack) in (before, before + HALF)
    tus.delete(url)
    assert (used(stack), files_of(stack, url)) == (before, [])


def test_a_smaller_plan_midway_is_413_and_nothing_more_is_taken(stack: Stack, tus: Tus) -> None:
    before, url = used(stack), half_sent(tus)
    change_plan(stack, max_file_bytes=HALF + 100)
    refused = problem(tus.patch(url, HALF, PICTURE[HALF:]), 413, "file_too_large")
    assert (refused["limit"], refused["plan"]) == (HALF + 100, "Basic")
    assert tus.offset(url) == HALF
    assert tus.delete(url).status_code == 204
    assert (used(stack), files_of(stack, url)) == (before, [])
