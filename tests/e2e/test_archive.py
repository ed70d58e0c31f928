"""Taking files home as one ZIP: those of a job, or chosen ones."""

from __future__ import annotations

import io
import json
import zipfile

import httpx
import pytest

from tests.api import Api
from tests.e2e.test_upload import fresh, problem
from tests.stack import Stack


def archived(api: Api, job_id: str, **query: str) -> tuple[zipfile.ZipFile, httpx.Response]:
    answer = api.client.get(f"/api/jobs/{job_id}/archive", params=query)
    assert answer.status_code == 200, answer.text
    found = zipfile.ZipFile(io.BytesIO(answer.content))
    assert found.testzip() is None
    return found, answer


def test_an_archive_holds_the_originals_under_names_of_their_own(api: Api) -> None:
    files = [("a.jpg", fresh()), ("A.jpg", fresh()), ("a.jpg", fresh()), ("manifest.json", fresh())]
    job_id = api.multi(files).json()["job_id"]
    api.finished(job_id)
    found, answer = archived(api, job_id, renditions="original")
    assert answer.headers["Content-Disposition"].startswith("attachment")
    assert int(answer.headers["Content-Length"]) == len(answer.content)
    names = ["a.jpg", "A (2).jpg", "a (3).jpg", "manifest (2).json"]
    assert found.namelist() == ["manifest.json", *names]
    assert {entry.compress_type for entry in found.infolist()} == {zipfile.ZIP_STORED}
    assert [found.read(name) for name in names] == [data for _, data in files]
    manifest = json.loads(found.read("manifest.json"))
    assert [file["file"] for file in manifest["files"]] == names
    head = api.client.head(f"/api/jobs/{job_id}/archive?renditions=original")
    assert (head.status_code, head.headers["Content-Length"]) == (200, answer.headers["Content-Length"])


def test_several_renditions_have_a_folder_each_and_what_failed_is_named(api: Api) -> None:
    cut = fresh(800, 600)[:5000]
    job_id = api.multi([("a.png", fresh()), ("cut.jpg", cut)]).json()["job_id"]
    api.finished(job_id)
    found, _ = archived(api, job_id, renditions="web,original,web")
    assert {name.split("/")[0] for name in found.namelist()} == {"manifest.json", "web", "original"}
    image = api.client.get(f"/api/jobs/{job_id}/images").json()["results"][0]
    urls = [each["url"] for each in image["renditions"] if each["name"] == "web"]
    web = [name for name in found.namelist() if name.startswith("web/")]
    assert {found.read(name) for name in web} == {api.client.get(url).content for url in urls}
    missing = json.loads(found.read("manifest.json"))["missing"]
    assert {(each["name"], each["status"]) for each in missing} == {("cut.jpg", "failed")}
    everything, _ = archived(api, job_id)
    assert "original/a.png" in everything.namelist()


def test_an_unfinished_job_gives_what_it_has_where_that_is_asked_for(api: Api) -> None:
    job_id = api.client.post("/api/batches").json()["job_id"]
    problem(api.client.get(f"/api/jobs/{job_id}/archive"), 409, "job_unfinished")
    found, _ = archived(api, job_id, partial="1")
    assert found.namelist() == ["manifest.json"]
    api.client.post(f"/api/batches/{job_id}/close")


@pytest.mark.parametrize("query", ["renditions=lost", "renditions=%00", "renditions=web,../x", "partial=2"])
def test_an_archive_of_something_else_is_refused(api: Api, query: str) -> None:
    job_id = api.upload(("a.jpg", fresh())).json()["job_id"]
    answer = api.client.get(f"/api/jobs/{job_id}/archive?{query}")
    problem(answer, 400, "unknown_rendition" if query.startswith("renditions") else "invalid")
    if query.startswith("renditions"):
        assert {"original", "web"} <= set(answer.json()["known"])


def test_a_source_that_breaks_cuts_the_connection(api: Api, stack: Stack) -> None:
    files = [(f"{n}.jpg", fresh()) for n in range(3)]
    job_id = api.multi(files).json()["job_id"]
    api.finished(job_id)
    [stored] = [
        path
        for path in stack.home.rglob("*")
        if path.is_file() and path.stat().st_size == len(files[1][1]) and path.read_bytes() == files[1][1]
    ]
    stored.write_bytes(files[1][1][:-100])
    with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
        api.client.get(f"/api/jobs/{job_id}/archive?renditions=original")
    stored.write_bytes(files[1][1])
    assert len(archived(api, job_id, renditions="original")[0].namelist()) == 4


def test_chosen_images_come_in_the_order_of_choice(api: Api) -> None:
    files = [("one.jpg", fresh()), ("two.jpg", fresh()), ("three.jpg", fresh())]
    ids = [image["id"] for image in api.multi(files).json()["accepted"]]
    api.finished(api.client.get(f"/api/images/{ids[0]}").json()["job_id"])
    chosen = [ids[2], ids[0], ids[2]]
    for body in (
        {"json": {"images": chosen, "renditions": "original"}},
        {"data": {"images": chosen, "renditions": "original"}},
    ):
        answer = api.client.post("/api/archive", **body)
        assert answer.status_code == 200, answer.text
        assert answer.headers["Content-Disposition"] == 'attachment; filename="images.zip"'
        found = zipfile.ZipFile(io.BytesIO(answer.content))
        assert found.testzip() is None
        assert found.namelist() == ["manifest.json", "three.jpg", "one.jpg"]
        assert found.read("three.jpg") == files[2][1]
    api.client.delete(f"/api/images/{ids[0]}")
    answer = api.client.post("/api/archive", json={"images": chosen})
    problem(answer, 404, "not_found")
    assert ids[0] in answer.json()["detail"]


@pytest.mark.parametrize(
    ("wish", "attr"),
    [
        ({}, "images"),
        ({"images": []}, "images"),
        ({"images": "x"}, "images"),
        ({"images": ["x"]}, "images.0"),
        ({"images": ["01980000-0000-7000-8000-000000000000"] * 1001}, "images"),
        ({"images": ["01980000-0000-7000-8000-000000000000"], "renditions": 3.5}, None),
    ],
)
def test_a_bad_choice_is_named(api: Api, wish: dict[str, object], attr: str | None) -> None:
    answer = api.client.post("/api/archive", json=wish)
    if attr is None:
        problem(answer, 404, "not_found")
    else:
        assert answer.status_code == 400, answer.text
        assert answer.json()["errors"][0]["attr"] == attr
