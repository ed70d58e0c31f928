"""Images that look alike: found by their hashes, those that are deleted never."""

from __future__ import annotations

import io
import random
from typing import Any

import pytest

from processing.models.images import signed
from tests.database import execute
from tests.drawing import drawn_photo
from tests.feed.people import Person, plain
from tests.stack import Stack
from tests.waiting import until


def coded(seed: int, format: str = "JPEG", part: float = 1, **options: Any) -> bytes:
    image = drawn_photo(seed, 480, 360)
    out = io.BytesIO()
    image.resize((round(480 * part), round(360 * part))).save(out, format, **options)
    return out.getvalue()


def similar(person: Person, image: str, **query: Any) -> list[tuple[str, int]]:
    answer = person.http.get(f"/api/images/{image}/similar", params=query)
    assert answer.status_code == 200, answer.text
    return [(each["id"], each["distance"]) for each in answer.json()["results"]]


def bits(first: dict[str, Any], second: dict[str, Any]) -> int:
    return (int(first["phash"], 16) ^ int(second["phash"], 16)).bit_count()


def test_copies_are_found_nearest_first_and_nothing_else(alice: Person, charlie: Person) -> None:
    first, *copies = alice.upload(
        coded(1, quality=95), coded(1, quality=40), coded(1, "WEBP", quality=70), coded(1, part=0.4)
    )
    alice.upload(coded(2), coded(3), plain(40))
    charlie.upload(coded(1, quality=94))
    found = similar(alice, first)
    assert {each for each, _ in found} == set(copies)
    assert [distance for _, distance in found] == sorted(distance for _, distance in found)
    images = {each["id"]: each for each in alice.everything()}
    assert all(bits(images[first], images[each]) == distance for each, distance in found)


def test_it_equals_brute_force_at_every_distance(alice: Person) -> None:
    seeds = random.Random(4).sample(range(1000), 40)
    alice.upload(*(coded(seed, part=0.3) for seed in seeds))
    images = alice.everything()
    for image in images[:8]:
        for distance in (0, 7, 11, 12, 16):
            near = {each["id"] for each in images if bits(image, each) <= distance} - {image["id"]}
            assert {each for each, _ in similar(alice, image["id"], distance=distance)} == near


def test_however_the_bits_lie_what_is_near_is_found(alice: Person, stack: Stack) -> None:
    """Hashes that differ in 0 to 19 bits, anywhere, at every distance that may be asked for."""
    dice = random.Random(5)
    one, *others = alice.upload(*(coded(seed, part=0.2) for seed in range(600, 641)))
    apart = {other: place // 2 for place, other in enumerate(others)}
    phash = int(alice.image(one)["phash"], 16)
    for other, count in apart.items():
        flipped = phash ^ sum(1 << bit for bit in dice.sample(range(64), count))
        execute(stack, "UPDATE processing_image SET phash = %s WHERE id = %s", signed(flipped), other)
    for distance in range(17):
        near = {other: count for other, count in apart.items() if count <= distance}
        assert dict(similar(alice, one, distance=distance)) == near


def test_a_flat_picture_is_like_nothing(alice: Person) -> None:
    one, _two = alice.upload(plain(10), plain(10))
    assert alice.image(one)["phash"] is None
    assert similar(alice, one) == []


def test_a_deleted_image_is_found_again_once_restored(alice: Person) -> None:
    one, two = alice.upload(coded(9, quality=90), coded(9, quality=60))
    alice.http.delete(f"/api/images/{two}")
    assert similar(alice, one) == []
    assert alice.http.get(f"/api/images/{two}/similar").status_code == 404
    alice.http.post(f"/api/images/{two}/restore")
    assert [each for each, _ in similar(alice, one)] == [two]


def test_same_bytes_have_the_same_hash(alice: Person) -> None:
    data = coded(12)
    one, two = alice.upload(data, data)
    (three,) = alice.upload(data)
    assert len({alice.image(each)["phash"] for each in (one, two, three)}) == 1
    assert {each for each, _ in similar(alice, one, distance=0)} == {two, three}


def test_images_from_before_get_their_hashes(alice: Person, stack: Stack) -> None:
    pairs = (coded(seed, quality=quality) for seed in range(60, 90) for quality in (95, 50))
    ids = alice.upload(*pairs, plain(50))
    made = {each["id"]: each for each in alice.everything()}
    alice.http.delete(f"/api/images/{ids[1]}")
    execute(stack, "UPDATE processing_image SET phash = NULL WHERE id = ANY(%s::uuid[])", ids)
    assert similar(alice, ids[0]) == []
    execute(stack, "INSERT INTO processing_backfill (name) VALUES ('phash')")
    until(lambda: not execute(stack, "SELECT name FROM processing_backfill"))
    hashed = {each["id"]: each for each in alice.everything()}
    assert hashed[ids[-1]]["phash"] is None
    # It is made from a rendition that was compressed, not from the original.
    assert all(bits(made[each], image) <= 4 for each, image in hashed.items() if each != ids[-1])
    alice.http.post(f"/api/images/{ids[1]}/restore")
    assert [each for each, _ in similar(alice, ids[0])] == [ids[1]]


def test_it_is_nobody_elses(alice: Person, charlie: Person) -> None:
    (one,) = alice.upload(coded(20))
    assert charlie.http.get(f"/api/images/{one}/similar").status_code == 404


@pytest.mark.parametrize("distance", ["17", "-1", "1.5", "ten", "٣"])
def test_a_bad_distance_is_named(alice: Person, distance: str) -> None:
    (one,) = alice.upload(coded(21, part=0.2))
    answer = alice.http.get(f"/api/images/{one}/similar", params={"distance": distance})
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["attr"] == "distance"


def sent(person: Person, *pictures: bytes, **fields: str) -> list[dict[str, Any]]:
    """What became of them, in order."""
    files = [("images", (f"{index}.jpg", data, "image/jpeg")) for index, data in enumerate(pictures)]
    answer = person.http.post("/api/async/batch/upload", files=files, data=fields)
    assert answer.status_code == 202, answer.text
    ids = [image["id"] for image in answer.json()["accepted"]]
    person.wait_done(ids)
    return [person.image(each) for each in ids]


def test_near_duplicates_are_marked(alice: Person) -> None:
    (first,) = alice.upload(coded(30, quality=95))
    copy, other = sent(alice, coded(30, quality=50), coded(31), near_duplicates="mark")
    assert (copy["status"], copy["near_duplicate_of"]) == ("completed", first)
    assert (other["status"], other["near_duplicate_of"]) == ("completed", None)
    (allowed,) = sent(alice, coded(30, quality=60))
    assert allowed["near_duplicate_of"] is None


def test_near_duplicates_are_rejected_also_within_one_request(alice: Person) -> None:
    pictures = [coded(40, quality=quality) for quality in (95, 80, 70, 60)]
    *alike, other = sent(alice, *pictures, coded(41), near_duplicates="reject")
    assert other["status"] == "completed"
    # Two workers have them in hand: whichever is made first stays.
    (kept,) = (image for image in alike if image["status"] == "completed")
    for image in alike:
        if image is not kept:
            assert image["error"]["code"] == "near_duplicate"
            assert kept["id"] in image["error"]["detail"]
            assert image["renditions"] == []
    assert [each["id"] for each in alice.everything()] == [other["id"], kept["id"]]


def test_the_same_bytes_are_rejected_too_and_those_that_may_stay_stay(alice: Person) -> None:
    data = coded(42)
    first, second = sent(alice, data, data, near_duplicates="reject")
    assert (first["status"], second["status"]) == ("completed", "failed")
    (third,) = sent(alice, data)
    assert (third["status"], third["duplicate_of"]) == ("completed", first["id"])


def test_a_single_upload_says_what_it_looks_like(alice: Person) -> None:
    (first,) = alice.upload(coded(43))
    answer = alice.http.post(
        "/api/upload",
        params={"near_duplicates": "reject", "name": "copy.jpg"},
        content=coded(43, quality=60),
        headers={"Content-Type": "image/jpeg"},
    )
    assert answer.status_code == 422
    assert answer.json()["code"] == "near_duplicate"
    assert first in answer.json()["detail"]


def test_a_body_of_bytes_names_its_webhook_in_the_query(alice: Person) -> None:
    sent = {"content": coded(45), "headers": {"Content-Type": "image/jpeg"}}
    answer = alice.http.post("/api/upload", params={"webhook_url": "ftp://a.example/"}, **sent)
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["attr"] == "webhook_url"
    address = "https://receiver.invalid/hook"
    answer = alice.http.post("/api/upload", params={"webhook_url": address}, **sent)
    assert answer.status_code == 200, answer.text
    job = alice.http.get(f"/api/jobs/{answer.json()['job_id']}").json()
    assert job["webhook_url"] == address


@pytest.mark.parametrize("said", ["maybe", "MARK", "allow,mark"])
def test_a_bad_wish_is_named(alice: Person, said: str) -> None:
    answer = alice.http.post(
        "/api/async/upload", files={"images": ("a.jpg", coded(44, part=0.2))}, data={"near_duplicates": said}
    )
    assert answer.status_code == 400
    (error,) = answer.json()["errors"]
    assert error["attr"] == "near_duplicates"
    assert "allow, mark, reject" in error["detail"]


def groups(person: Person, **query: Any) -> list[list[str]]:
    """All groups, page by page."""
    found: list[list[str]] = []
    answer = person.http.get("/api/duplicates", params=query)
    while True:
        assert answer.status_code == 200, answer.text
        body = answer.json()
        found += [[image["id"] for image in group["images"]] for group in body["results"]]
        if body["next"] is None:
            return found
        answer = person.http.get(body["next"])


def test_duplicates_come_in_groups_the_largest_first(alice: Person, charlie: Person) -> None:
    one = alice.upload(coded(50, part=0.5), coded(50, quality=60), coded(50, part=0.8))
    alone = alice.upload(coded(51), coded(52))
    two = alice.upload(coded(53), coded(53, part=0.6))
    charlie.upload(coded(51, quality=50), coded(50))
    wanted = [[two[0], two[1]], [one[1], one[2], one[0]]]
    assert groups(alice) == groups(alice, limit=1) == wanted
    assert not set(alone) & {each for group in groups(alice) for each in group}
    alice.http.delete(f"/api/images/{two[1]}")
    assert groups(alice) == wanted[1:]
    alice.http.post(f"/api/images/{two[1]}/restore")
    assert groups(alice) == wanted


@pytest.mark.parametrize("query", [{"distance": "17"}, {"limit": "0"}, {"limit": "101"}, {"cursor": "x"}])
def test_a_bad_question_for_duplicates_is_named(alice: Person, query: dict[str, str]) -> None:
    answer = alice.http.get("/api/duplicates", params=query)
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["attr"] in query
