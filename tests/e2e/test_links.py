"""Expiring links: for whoever holds one, without login, without the database, until they end."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.api import Api
from tests.drawing import photo
from tests.e2e.test_plans import code, expired, uploaded
from tests.serving import web_server
from tests.stack import Stack

NOWHERE = {"DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none", "REDIS_URL": "redis://127.0.0.1:1/0"}


@pytest.fixture(scope="module")
def bare(stack: Stack) -> Iterator[str]:
    """A web server that has the files and the key, and neither database nor Redis."""
    with web_server(stack, **NOWHERE) as url:
        assert httpx.get(f"{url}/api/list").status_code == 503, "it has no database"
        yield url


def linked(api: Api, data: bytes, name: str = "private name.jpg", seconds: int = 300) -> tuple[str, str]:
    """A fresh image's id with a link to it."""
    image_id = uploaded(api, data, name)["id"]
    answer = api.client.post(f"/api/images/{image_id}/links", json={"expire_time": seconds})
    assert answer.status_code == 201, answer.text
    return image_id, answer.json()["url"]


def at(server: str, url: str) -> str:
    return server + httpx.URL(url).path


def test_a_link_needs_no_database(api: Api, bare: str, stack: Stack) -> None:
    data = photo(31, 90, 60)
    _, url = linked(api, data)
    answer = httpx.get(at(bare, url))
    assert (answer.status_code, answer.content) == (200, data)
    assert code(httpx.get(at(bare, expired(url, stack.home)))) == (410, "link_expired")
    assert code(httpx.get(at(bare, url)[:-1] + ("A" if url[-1] != "A" else "B"))) == (404, "not_found")


def test_a_deleted_images_link_is_dead_at_once_without_a_query(api: Api, bare: str) -> None:
    image_id, url = linked(api, photo(32, 90, 60))
    assert httpx.get(at(bare, url)).status_code == 200
    assert api.client.delete(f"/api/images/{image_id}").status_code == 204
    assert code(httpx.get(at(bare, url))) == (404, "not_found")
    assert api.client.post(f"/api/images/{image_id}/links", json={"expire_time": 300}).status_code == 404
    assert api.client.post(f"/api/images/{image_id}/restore").status_code == 200
    assert httpx.get(at(bare, url)).status_code == 404


def test_a_duplicates_link_lives_on(api: Api, bare: str) -> None:
    first, one = linked(api, photo(33, 90, 60))
    second, other = linked(api, photo(33, 90, 60))
    assert first != second
    api.client.delete(f"/api/images/{first}")
    assert httpx.get(at(bare, one)).status_code == 404
    assert httpx.get(at(bare, other)).status_code == 200


def test_an_owner_ends_all_links_of_an_image(api: Api) -> None:
    image_id, url = linked(api, photo(34, 90, 60))
    more = api.client.post(f"/api/images/{image_id}/links", json={"expire_time": 30_000}).json()["url"]
    assert api.client.delete(f"/api/images/{image_id}/links").status_code == 204
    assert {httpx.get(url).status_code, httpx.get(more).status_code} == {404}
    fresh = api.client.post(f"/api/images/{image_id}/links", json={"expire_time": 300}).json()["url"]
    assert httpx.get(fresh).status_code == 200


def test_a_link_gives_the_original_and_nothing_about_its_owner(api: Api) -> None:
    data = photo(35, 90, 60, "PNG")
    _, url = linked(api, data, "Anna's passport.png")
    answer = httpx.get(url)
    assert answer.content == data
    assert answer.headers["Content-Type"] == "image/png"
    assert answer.headers["Content-Disposition"] == 'attachment; filename="image.png"'
    assert answer.headers["Cache-Control"] == "private, no-cache"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "Set-Cookie" not in answer.headers


def test_a_link_gives_parts_and_answers_what_has_not_changed(api: Api) -> None:
    data = photo(36, 300, 200)
    _, url = linked(api, data)
    whole = httpx.get(url)
    etag = whole.headers["ETag"]
    assert whole.headers["Accept-Ranges"] == "bytes"
    part = httpx.get(url, headers={"Range": "bytes=100-199"})
    assert (part.status_code, part.content) == (206, data[100:200])
    assert part.headers["Content-Range"] == f"bytes 100-199/{len(data)}"
    assert httpx.get(url, headers={"Range": "bytes=-50"}).content == data[-50:]
    assert httpx.get(url, headers={"Range": "bytes=10-", "If-Range": etag}).content == data[10:]
    assert httpx.get(url, headers={"Range": "bytes=10-", "If-Range": '"other"'}).status_code == 200
    beyond = httpx.get(url, headers={"Range": f"bytes={len(data)}-"})
    assert (beyond.status_code, beyond.headers["Content-Range"]) == (416, f"bytes */{len(data)}")
    assert httpx.get(url, headers={"If-None-Match": etag}).status_code == 304
    head = httpx.head(url)
    assert (head.status_code, head.content, head.headers["Content-Length"]) == (200, b"", str(len(data)))
    assert httpx.post(url).status_code == 405


@pytest.mark.parametrize(
    "seconds", ["299", "30001", "-1", '"soon"', "null", "1e999", "NaN", "[300]", "300.5"]
)
def test_it_refuses_other_times(api: Api, seconds: str) -> None:
    image_id = uploaded(api, photo(37, 90, 60))["id"]
    body, headers = f'{{"expire_time": {seconds}}}', {"Content-Type": "application/json"}
    answer = api.client.post(f"/api/images/{image_id}/links", content=body, headers=headers)
    assert answer.status_code == 400, answer.text


@pytest.mark.parametrize("token", ["x", "a:b:c", ":::", "%00", "é" * 50, "A" * 5000])
def test_a_made_up_link_is_not_found(stack: Stack, token: str) -> None:
    assert httpx.get(f"{stack.url}/links/{token}").status_code == 404


def test_a_link_of_another_installation_is_not_found(api: Api, tmp_path: Path) -> None:
    _, url = linked(api, photo(38, 90, 60))
    (tmp_path / "secret_key").write_text("another installation's key, as long as it should be")
    assert httpx.get(expired(url, tmp_path)).status_code == 404
