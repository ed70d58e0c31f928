"""Files that nobody should send, through the real doors."""

from __future__ import annotations

import io
from typing import Any

import httpx
import pytest
from PIL import Image

from tests.api import Api
from tests.drawing import encoded
from tests.hostile import pictures
from tests.hostile.pictures import PLUGINS, Sent
from tests.hostile.report import REPORT

ONE_BY_ONE = [
    *pictures.bombs(),
    *pictures.metadata_bombs(),
    *pictures.other_formats(),
    *pictures.disguises(),
    *pictures.odd_pictures(),
]


def answered(answer: httpx.Response) -> tuple[int, str]:
    body = answer.json()
    if answer.status_code == 200:
        return 200, str(body["image"]["content_type"])
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert body["status"] == answer.status_code
    assert body["detail"]
    return answer.status_code, str(body["code"])


@pytest.mark.parametrize("sent", ONE_BY_ONE, ids=lambda sent: sent.what)
def test_a_file_gets_its_answer(api: Api, sent: Sent) -> None:
    answer = api.client.post("/api/upload", files={"image": (sent.name, sent.data, sent.content_type)})
    status, code = answered(answer)
    REPORT.add(sent.what, code, status)
    assert (status, code) in sent.allowed, answer.text
    if status == 200:
        assert_only_pixels_are_served(api, answer.json()["image"], sent)


def assert_only_pixels_are_served(api: Api, image: dict[str, Any], sent: Sent) -> None:
    for rendition in image["renditions"]:
        served = api.client.get(rendition["url"])
        assert served.headers["Content-Type"] in {"image/jpeg", "image/webp"}
        assert served.headers["X-Content-Type-Options"] == "nosniff"
        assert not any(
            foreign in served.content for foreign in (b"script", b"PK\3\4", b"Exif", b"ICC_PROFILE")
        )
        with Image.open(io.BytesIO(served.content)) as opened:
            assert opened.size == (rendition["width"], rendition["height"])
            assert opened.mode in ("RGB", "RGBA", "L")
    original = api.client.get(image["original_url"])
    assert original.content == sent.data
    assert original.headers["Content-Disposition"].startswith("attachment")
    assert original.headers["X-Content-Type-Options"] == "nosniff"


def outcomes(api: Api, files: list[Sent]) -> list[tuple[int, str]]:
    """What became of each file of one request: refused at once, failed later, or the picture's type."""
    answer = api.multi([(sent.name, sent.data) for sent in files])
    assert answer.status_code in (202, 400), answer.text
    body = answer.json()
    refusals = body["rejected"] if answer.status_code == 202 else body["errors"]
    found: dict[int, str] = {item["index"]: item["code"] for item in refusals}
    if answer.status_code == 202:
        assert api.finished(body["job_id"])["finished_at"]
        for image in api.images(body["job_id"]):
            found[image["index"]] = image["error"]["code"] if image["error"] else image["content_type"]
    assert sorted(found) == list(range(len(files)))
    statuses = {"empty_file": 400, "too_many_pixels": 413, "unsupported_format": 415}
    codes = [found[index] for index in range(len(files))]
    return [(200 if "/" in code else statuses.get(code, 422), code) for code in codes]


@pytest.mark.parametrize("plugin", PLUGINS)
def test_a_picture_cut_anywhere_is_an_answer(api: Api, plugin: str) -> None:
    files = pictures.truncations(plugin)
    for sent, outcome in zip(files, outcomes(api, files), strict=True):
        REPORT.add(f"{plugin} cut after every 5 %", outcome[1], outcome[0])
        assert outcome in sent.allowed, sent.what


@pytest.mark.parametrize("plugin", PLUGINS)
def test_a_picture_with_bits_turned_over_is_an_answer(api: Api, plugin: str) -> None:
    files = pictures.bit_flips(plugin, 60)
    for sent, outcome in zip(files, outcomes(api, files), strict=True):
        REPORT.add(f"{plugin} with 1 to 8 bits turned over", outcome[1], outcome[0])
        assert outcome in sent.allowed, sent.what


@pytest.mark.slow
@pytest.mark.parametrize("plugin", PLUGINS)
def test_hundreds_of_damaged_pictures_are_answers(api: Api, plugin: str) -> None:
    files = pictures.bit_flips(plugin, 560)[60:]
    for start in range(0, len(files), 100):
        part = files[start : start + 100]
        for sent, outcome in zip(part, outcomes(api, part), strict=True):
            REPORT.add(f"{plugin} with 1 to 8 bits turned over, 500 more", outcome[1], outcome[0])
            assert outcome in sent.allowed, sent.what


def test_one_damaged_file_fails_no_other(api: Api) -> None:
    good = pictures.photo(41, 80, 60)
    bad = [sent.data for sent in pictures.metadata_bombs()]
    answer = api.batch([("good.jpg", good), *[(f"{n}.jpg", data) for n, data in enumerate(bad)]])
    body = answer.json()
    assert answer.status_code == 202, answer.text
    assert api.finished(body["job_id"])["completed"] >= 1
    assert next(image for image in api.images(body["job_id"]) if image["index"] == 0)["status"] == "completed"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("mode", "plugin", "options"),
    [
        ("RGBA", "PNG", {"compress_level": 1}),
        ("F", "TIFF", {"compression": "tiff_lzw"}),
        ("RGBA", "WEBP", {"lossless": True, "method": 0}),
    ],
)
def test_the_largest_image_allowed_fits_into_a_workers_memory(
    api: Api, mode: str, plugin: str, options: dict[str, Any]
) -> None:
    """120 megapixels of what takes most to decode: 20 bytes a pixel and more."""
    whole = Image.new(mode, (12_000, 10_000), 0)
    [outcome] = outcomes(api, [Sent("large", encoded(whole, plugin, **options), frozenset())])
    REPORT.add(f"120 megapixels, {plugin} in {mode}", outcome[1], outcome[0])
    assert outcome[0] == 200, outcome
