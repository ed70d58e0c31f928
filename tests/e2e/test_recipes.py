"""Recipes on the real service: made, refused by field, applied, named with uploads, delivered by `Accept`."""

from __future__ import annotations

import io
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from PIL import Image

from tests.drawing import photo
from tests.origins import Origin, Reply, origin_server
from tests.stack import Stack

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    env = {"IMAGEAPI_ALLOW_PRIVATE_URLS": "1"}
    with Stack(tmp_path_factory.mktemp("recipes") / "home", env) as stack:
        yield stack


@pytest.fixture
def client(stack: Stack) -> Iterator[httpx.Client]:
    headers = {"Authorization": f"Bearer {stack.token}"}
    with httpx.Client(base_url=stack.url, headers=headers, timeout=60) as client:
        yield client


@pytest.fixture
def origin() -> Iterator[Origin]:
    with origin_server() as origin:
        yield origin


def put(client: httpx.Client, name: str, **fields: Any) -> httpx.Response:
    return client.put(f"/api/recipes/{name}", json=fields)


def upload(client: httpx.Client, data: bytes, **fields: str) -> dict[str, Any]:
    answer = client.post("/api/upload", files={"image": ("a.jpg", data)}, data=fields)
    assert answer.status_code == 200, answer.text
    image: dict[str, Any] = answer.json()["image"]
    return image


def finished(client: httpx.Client, job: str) -> dict[str, Any]:
    end = time.monotonic() + 120
    while time.monotonic() < end:
        client.get(f"/api/jobs/{job}/events?wait=10&since=0")
        shown: dict[str, Any] = client.get(f"/api/jobs/{job}").json()
        if shown["finished_at"]:
            return shown
    raise AssertionError(shown)


def shown(client: httpx.Client, image: str) -> dict[str, Any]:
    found: dict[str, Any] = client.get(f"/api/images/{image}").json()
    return found


def rendition(image: dict[str, Any], name: str, kind: str = "image/jpeg") -> dict[str, Any]:
    (found,) = [each for each in image["renditions"] if (each["name"], each["content_type"]) == (name, kind)]
    return dict(found)


def size_of(client: httpx.Client, url: str) -> tuple[int, int]:
    return Image.open(io.BytesIO(client.get(url).content)).size


def test_a_recipe_is_made_looked_at_changed_and_dropped(client: httpx.Client) -> None:
    made = put(client, "square-1", width=60, height=60, fit="cover", formats=["jpeg", "webp"])
    assert (made.status_code, made.headers["Location"]) == (201, "/api/recipes/square-1")
    assert made.json() == {
        "name": "square-1",
        "origin": "own",
        "version": 1,
        "width": 60,
        "height": 60,
        "fit": "cover",
        "position": "center",
        "enlarge": False,
        "formats": ["jpeg", "webp"],
        "quality": {"jpeg": 80, "webp": 79, "avif": 60},
        "animation": "keep",
        "background": "#ffffff",
    }
    again = client.put("/api/recipes/square-1", json=made.json())
    assert (again.status_code, again.json()["version"]) == (200, 1)
    changed = client.put("/api/recipes/square-1", json={**made.json(), "quality": {"jpeg": 50}})
    assert (changed.status_code, changed.json()["version"]) == (200, 2)
    assert client.get("/api/recipes/square-1").json() == changed.json()
    listed = client.get("/api/recipes").json()["results"]
    assert [(each["name"], each["origin"]) for each in listed] == [
        ("web", "plan"),
        ("thumbnail-200", "plan"),
        ("thumbnail-400", "plan"),
        ("square-1", "own"),
    ]
    assert client.delete("/api/recipes/square-1").status_code == 204
    assert client.get("/api/recipes/square-1").status_code == 404
    assert client.delete("/api/recipes/square-1").status_code == 404


@pytest.mark.parametrize("name", ["web", "thumbnail-200", "thumbnail-77", "compressed"])
def test_a_plans_recipe_can_be_read_only(client: httpx.Client, name: str) -> None:
    for answer in (put(client, name, width=10), client.delete(f"/api/recipes/{name}")):
        assert (answer.status_code, answer.json()["code"]) == (403, "plan_forbids")


BAD: list[tuple[str, Any]] = [
    ("width", 0),
    ("width", -1),
    ("width", 8193),
    ("width", 70_000),
    ("width", "100"),
    ("width", 1.5),
    ("width", True),
    ("width", [1]),
    ("height", 0),
    ("height", 8193),
    ("fit", "crop"),
    ("fit", None),
    ("fit", ["cover"]),
    ("position", "centre"),
    ("position", 5),
    ("position", {}),
    ("enlarge", "yes"),
    ("enlarge", 1),
    ("enlarge", None),
    ("formats", []),
    ("formats", "jpeg"),
    ("formats", ["gif"]),
    ("formats", ["jpeg", "jpeg"]),
    ("formats", [1]),
    ("formats", [["jpeg"]]),
    ("formats", None),
    ("quality", 80),
    ("quality", None),
    ("quality", []),
    ("animation", "none"),
    ("animation", False),
    ("background", "white"),
    ("background", "#fff"),
    ("background", "#gggggg"),
    ("background", 0),
    ("name", "another"),
    ("name", 5),
    ("name", None),
    ("origin", "elsewhere"),
    ("origin", []),
    ("version", 0),
    ("version", "x"),
    ("versions", 1),
    ("crop", {}),
]
BAD_QUALITIES: list[tuple[str, Any]] = [
    ("jpeg", 0),
    ("jpeg", 96),
    ("jpeg", "80"),
    ("jpeg", 80.0),
    ("jpeg", None),
    ("webp", 0),
    ("webp", 101),
    ("avif", 0),
    ("avif", 101),
    ("png", 80),
]
WRONG = [(field, {field: value}) for field, value in BAD]
WRONG += [(f"quality.{kind}", {"quality": {kind: value}}) for kind, value in BAD_QUALITIES]


@pytest.mark.parametrize(("attr", "body"), WRONG, ids=[str(body) for _, body in WRONG])
def test_every_bad_value_is_refused_by_its_field(client: httpx.Client, attr: str, body: Any) -> None:
    answer = client.put("/api/recipes/bad", json=body)
    assert answer.status_code == 400, answer.text
    assert answer.headers["Content-Type"] == "application/problem+json"
    (error,) = answer.json()["errors"]
    assert error["attr"] == attr
    assert error["detail"]
    assert client.get("/api/recipes/bad").status_code == 404


@pytest.mark.parametrize("name", ["Bad", "a_b", "a.b", "ä", "x" * 41, "a%20b", "%00"])
def test_every_bad_name_is_refused(client: httpx.Client, name: str) -> None:
    answer = put(client, name, width=10)
    assert (answer.status_code, answer.json()["errors"][0]["attr"]) == (400, "name")


@pytest.mark.parametrize(
    "content", [b"[]", b"5", b"null", b'"x"', b"{", b"\xff", b'{"width": NaN}', b"[" * 900]
)
def test_every_bad_body_is_refused(client: httpx.Client, content: bytes) -> None:
    answer = client.put("/api/recipes/bad", content=content, headers={"Content-Type": "application/json"})
    assert answer.status_code == 400
    assert answer.headers["Content-Type"] == "application/problem+json"


def test_a_recipe_is_named_with_every_upload(client: httpx.Client, origin: Origin) -> None:
    put(client, "hero", width=90, height=40, fit="cover", formats=["jpeg", "webp", "avif"])
    image = upload(client, photo(1, 300, 200), recipes="hero, web")
    kinds = [each["content_type"] for each in image["renditions"] if each["name"] == "hero"]
    assert sorted(kinds) == ["image/avif", "image/jpeg", "image/webp"]
    for kind in kinds:
        found = rendition(image, "hero", kind)
        assert (found["version"], found["animated"]) == (1, False)
        assert (found["width"], found["height"]) == size_of(client, found["url"]) == (90, 40)
    for path, field in (("/api/async/upload", "images"), ("/api/async/batch/upload", "images")):
        files, data = {field: ("a.jpg", photo(2, 300, 200))}, {"recipes": "hero"}
        job = client.post(path, files=files, data=data).json()["job_id"]
        finished(client, job)
        (one,) = client.get(f"/api/jobs/{job}/images").json()["results"]
        assert rendition(one, "hero")["width"] == 90
    url = origin.serve("/a.jpg", Reply(200, photo(3, 300, 200)))
    csv = f"S. No.,Product Name,Input Image Urls\n1,A,{url}\n".encode()
    job = client.post("/imgproc/upload", files={"file": csv}, data={"recipes": "hero"}).json()["request_id"]
    finished(client, job)
    (one,) = client.get(f"/api/jobs/{job}/images").json()["results"]
    assert rendition(one, "hero")["width"] == 90
    assert rendition(one, "compressed")["width"] == 300


def test_an_unknown_recipe_is_refused_with_the_known_ones(client: httpx.Client) -> None:
    put(client, "mine", width=10)
    files = {"image": ("a.jpg", photo(1, 30, 20))}
    many = {"images": ("a.jpg", photo(1, 30, 20))}
    csv = {"file": b"S. No.,Product Name,Input Image Urls\n1,A,http://127.0.0.1:1/a.jpg\n"}
    for path, sent in (("/api/upload", files), ("/api/async/upload", many), ("/imgproc/upload", csv)):
        answer = client.post(path, files=sent, data={"recipes": "mine,nothing"})
        assert (answer.status_code, answer.json()["code"]) == (400, "unknown_recipe")
        assert answer.json()["errors"][0]["attr"] == "recipes"
        for name in ("web", "thumbnail-200", "mine", "nothing"):
            assert f"{name}" in answer.json()["detail"]


def test_applying_makes_what_lacks_and_what_is_older(client: httpx.Client) -> None:
    image = upload(client, photo(4, 300, 200))["id"]
    put(client, "late", width=50, formats=["jpeg"])
    job = client.post("/api/recipes/late/apply")
    assert (job.status_code, job.json()["kind"]) == (202, "derive")
    assert job.headers["Location"] == f"/api/jobs/{job.json()['id']}"
    assert finished(client, job.json()["id"])["status"] == "completed"
    before = rendition(shown(client, image), "late")
    assert (before["width"], before["version"]) == (50, 1)
    nothing = client.post("/api/recipes/late/apply").json()
    assert (nothing["total"], nothing["status"]) == (0, "completed")
    events = client.get(f"/api/jobs/{nothing['id']}/events").json()["events"]
    assert [event["type"] for event in events] == ["job.progress", "job.finished"]
    assert put(client, "late", width=70, formats=["jpeg"]).json()["version"] == 2
    finished(client, client.post("/api/recipes/late/apply").json()["id"])
    after = rendition(shown(client, image), "late")
    assert (after["width"], after["version"]) == (70, 2)
    assert client.get(after["url"]).status_code == 200
    assert client.get(before["url"]).status_code == 404


def patch(client: httpx.Client, image: str, body: Any, **headers: str) -> httpx.Response:
    return client.patch(f"/api/images/{image}", json=body, headers=headers)


def test_a_focal_point_moves_the_crops(client: httpx.Client) -> None:
    put(client, "narrow", width=40, height=200, fit="cover", formats=["jpeg"])
    image = upload(client, photo(5, 300, 200), recipes="narrow")
    before = rendition(image, "narrow")
    etag = client.get(f"/api/images/{image['id']}").headers["ETag"]
    answer = patch(client, image["id"], {"focal_point": {"x": 0, "y": 0.5}}, **{"If-Match": etag})
    assert (answer.status_code, answer.json()["focal_point"]) == (200, {"x": 0.0, "y": 0.5})
    stale = patch(client, image["id"], {"focal_point": None}, **{"If-Match": etag})
    assert (stale.status_code, stale.json()["code"]) == (412, "precondition_failed")
    assert stale.headers["Content-Type"] == "application/problem+json"
    job = client.get("/api/jobs").json()["results"][0]
    assert job["kind"] == "derive"
    finished(client, job["id"])
    after = rendition(shown(client, image["id"]), "narrow")
    assert after["url"] != before["url"]
    assert client.get(before["url"]).status_code == 404
    merged = patch(client, image["id"], {"focal_point": {"x": 1}})
    assert merged.json()["focal_point"] == {"x": 1.0, "y": 0.5}
    assert patch(client, image["id"], {}).json()["focal_point"] == {"x": 1.0, "y": 0.5}
    assert patch(client, image["id"], {"focal_point": None}).json()["focal_point"] is None


@pytest.mark.parametrize(
    ("body", "attr"),
    [
        ({"focal_point": {"x": 1.1, "y": 0}}, "focal_point.x"),
        ({"focal_point": {"x": 0, "y": -0.1}}, "focal_point.y"),
        ({"focal_point": {"x": "0", "y": 0}}, "focal_point.x"),
        ({"focal_point": {"x": True, "y": 0}}, "focal_point.x"),
        ({"focal_point": {"x": None, "y": 0}}, "focal_point.x"),
        ({"focal_point": {"x": 0}}, "focal_point.y"),
        ({"focal_point": {"x": 0, "y": 0, "z": 0}}, "focal_point"),
        ({"focal_point": [0, 0]}, "focal_point"),
        ({"focal_point": 0.5}, "focal_point"),
        ({"name": "b.jpg"}, "name"),
        ([], None),
    ],
)
def test_a_bad_focal_point_is_refused_by_its_field(client: httpx.Client, body: Any, attr: str | None) -> None:
    image = client.get("/api/list?limit=1").json() or [upload(client, photo(6, 30, 20))]
    answer = patch(client, image[0]["id"], body)
    assert (answer.status_code, answer.json()["errors"][0]["attr"]) == (400, attr)


def test_a_picture_is_ready_for_a_page(client: httpx.Client) -> None:
    put(client, "modern", width=250, formats=["jpeg", "webp", "avif"])
    put(client, "crop", width=20, height=90, fit="cover", formats=["webp"])
    image = upload(client, photo(7, 600, 500), recipes="modern,crop")
    picture = image["picture"]
    assert [source["type"] for source in picture["sources"]] == ["image/avif", "image/webp", "image/jpeg"]
    jpegs = picture["sources"][-1]["srcset"].split(", ")
    assert [entry.split(" ")[1] for entry in jpegs] == ["240w", "250w", "480w", "600w"]
    assert picture["img"] == {"src": rendition(image, "web")["url"], "width": 600, "height": 500}
    assert rendition(image, "crop", "image/webp")["url"] not in str(picture)


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        (None, "jpeg"),
        ("*/*", "jpeg"),
        ("image/*", "jpeg"),
        ("text/html", "jpeg"),
        ("image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8", "avif"),
        ("image/webp,*/*", "webp"),
        ("image/avif;q=0,image/webp;q=0.5,*/*;q=0.1", "webp"),
        ("image/avif;q=0.2, image/jpeg", "jpeg"),
        ("IMAGE/AVIF", "avif"),
        ("image/avif;q=x", "jpeg"),
        (",;q=,;;", "jpeg"),
    ],
)
def test_the_best_format_that_a_client_takes(client: httpx.Client, accept: str | None, kind: str) -> None:
    put(client, "all", width=100, formats=["jpeg", "webp", "avif"])
    image = upload(client, photo(8, 200, 150), recipes="all")
    path = f"{rendition(image, 'all')['url'].rpartition('/')[0]}/all"
    with httpx.Client(base_url=client.base_url) as nobody:
        del nobody.headers["Accept"]
        answer = nobody.get(path, headers={"Accept": accept} if accept is not None else {})
        assert (answer.status_code, answer.headers["Content-Type"]) == (200, f"image/{kind}")
        assert answer.headers["Vary"] == "Accept"
        assert answer.headers["Content-Location"] == rendition(image, "all", f"image/{kind}")["url"]
        assert answer.headers["Cache-Control"] == "public, max-age=60"
        assert nobody.get(answer.headers["Content-Location"]).content == answer.content
        assert (
            nobody.get(
                path, headers={**answer.request.headers, "If-None-Match": answer.headers["ETag"]}
            ).status_code
            == 304
        )
        assert nobody.get(path + "x").status_code == 404


def test_a_plan_limits_the_recipes_of_ones_own(stack: Stack) -> None:
    with httpx.Client(base_url=stack.url, timeout=60) as anonymous:
        limit = anonymous.get("/api/me").json()["plan"]["max_recipes"]
        for number in range(limit):
            assert put(anonymous, f"r{number}", width=10).status_code == 201
        refused = put(anonymous, "one-more", width=10)
        assert (refused.status_code, refused.json()["code"]) == (409, "too_many_recipes")
        told = refused.json()
        assert (told["limit"], told["actual"], told["plan"]) == (limit, limit + 1, "Enterprise")
        assert put(anonymous, "r0", width=11).status_code == 200
        for number in range(limit):
            anonymous.delete(f"/api/recipes/r{number}")
