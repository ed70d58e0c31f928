"""Who may do what: every route and every socket against every kind of caller.

A new route or socket fails here until it has its row below; a new method of a route as well.
"""

from __future__ import annotations

import asyncio
import base64
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx
import psycopg2
import pytest
from django.contrib import admin as django_admin
from django.urls import URLPattern, URLResolver
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from imageapi.up import embedded
from imageapi.urls import urlpatterns
from realtime.urls import sockets
from tests.administering import PASSWORD, Account, Administrator
from tests.drawing import encoded, photo, solid
from tests.serving import web_server
from tests.stack import Stack

pytestmark = pytest.mark.timeout(300)

# The order in which they come: the owner last, who may really change something.
CALLERS = ("none", "expired", "anonymous", "stranger", "administrator", "owner")

Expected = dict[str, int]


def everybody(status: int) -> Expected:
    """The same for all: the route asks for no credentials."""
    return dict.fromkeys(CALLERS, status)


def accounts(status: int) -> Expected:
    """Each account for itself."""
    return everybody(status) | {"none": 401, "expired": 401}


def owners(status: int) -> Expected:
    """Alice alone: to every other account her things are not there, also to the administrator's."""
    return accounts(404) | {"owner": status}


@dataclass(frozen=True)
class Row:
    """What a request to the route gives; `send` goes to httpx as it is."""

    method: str
    route: str
    expected: Expected
    send: dict[str, Any] = field(default_factory=dict)
    ends_tokens: bool = False
    # Which of Alice's things stand for the route's `<...>`, where the name alone does not say it.
    fill: dict[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.method} {self.route}"


IMAGE = {"files": [("image", ("a.jpg", photo(1, 60, 40)))]}
RAW = {"headers": {"Content-Type": "image/jpeg"}, "content": photo(1, 60, 40)}
ONE_PIXEL = {"json": {"file": base64.b64encode(encoded(solid("white", (1, 1)), "PNG")).decode()}}
RECEIVER = "https://receiver.invalid/hook"
CSV_TEXT = b"S. No.,Product Name,Input Image Urls\r\n1,Lamp,http://127.0.0.1:1/a.jpg\r\n"
CSV = {"files": [("file", ("a.csv", CSV_TEXT))]}
IMAGES = {"files": [("images", ("a.jpg", photo(1, 60, 40)))]}

TUS = {
    "headers": {
        "Tus-Resumable": "1.0.0",
        "Upload-Offset": "0",
        "Content-Type": "application/offset+octet-stream",
    }
}

# A row's `<...>` stand for Alice's things (the fixture `things`). Without the slash at the end.
ROWS = [
    Row("POST", "api/upload", accounts(200), IMAGE),
    Row("PUT", "api/upload", accounts(200), RAW),
    Row("PUT", "api/upload/<str:name>", accounts(200), RAW, fill={"name": "recipe_name"}),
    Row("POST", "api/async/upload", accounts(202), IMAGES),
    Row("POST", "api/async/batch/upload", accounts(202), IMAGES),
    Row("POST", "api/batches", accounts(201)),
    Row("POST", "api/batches/<any_uuid:job_id>/close", owners(202), fill={"job_id": "open_job_id"}),
    Row("POST", "api/uploads", accounts(201), {"headers": {"Tus-Resumable": "1.0.0", "Upload-Length": "9"}}),
    Row("PATCH", "api/uploads/<any_uuid:upload_id>", owners(204), {**TUS, "content": b"\xff"}),
    Row("DELETE", "api/uploads/<any_uuid:upload_id>", owners(204), TUS),
    Row("GET", "api/list", accounts(200)),
    Row("GET", "api/duplicates", accounts(200)),
    Row("POST", "api/images/adopt", accounts(403) | {"administrator": 200}),
    Row("POST", "api/images/check", accounts(200), {"json": {"checksums": []}}),
    Row("GET", "api/images/<any_uuid:image_id>", owners(200)),
    Row("GET", "api/images/<any_uuid:image_id>/original", owners(200)),
    Row("POST", "api/images/<any_uuid:image_id>/links", owners(201), {"json": {"expire_time": 300}}),
    Row("DELETE", "api/images/<any_uuid:image_id>/links", owners(204)),
    Row(
        "PATCH",
        "api/images/<any_uuid:image_id>",
        owners(200),
        {"json": {"focal_point": {"x": 0.5, "y": 0.5}}},
    ),
    Row("POST", "api/images/<any_uuid:image_id>/restore", owners(200)),
    Row("GET", "api/images/<any_uuid:image_id>/similar", owners(200)),
    Row("DELETE", "api/images/<any_uuid:image_id>", owners(204)),
    Row("GET", "api/jobs", accounts(200)),
    Row("GET", "api/jobs/<any_uuid:job_id>", owners(200)),
    Row("GET", "api/jobs/<any_uuid:job_id>/images", owners(200)),
    Row("GET", "api/jobs/<any_uuid:job_id>/archive", owners(200)),
    Row("POST", "api/archive", owners(200), {"data": {"images": "<any_uuid:image_id>"}}),
    Row("GET", "api/jobs/<any_uuid:job_id>/events", owners(200)),
    Row("GET", "api/events", accounts(200)),
    Row("POST", "api/jobs/<any_uuid:job_id>/retry", owners(202)),
    Row("POST", "api/jobs/<any_uuid:job_id>/cancel", owners(202)),
    Row("GET", "api/me", accounts(200)),
    Row("POST", "api/tokens", everybody(401), {"json": {"username": "nobody", "password": "wrong"}}),
    Row("DELETE", "api/tokens/current", accounts(204) | {"anonymous": 400}, ends_tokens=True),
    Row("GET", "api/tokens", accounts(200)),
    Row("DELETE", "api/tokens/<any_uuid:token_id>", owners(204)),
    # The page's forms, with their CSRF tokens, are played in tests/feed/test_session.py.
    Row("GET", "login", everybody(200)),
    Row("GET", "logout", everybody(405)),
    Row("GET", "api/recipes", accounts(200)),
    # Alice's own; to the others there is none of this name.
    Row("GET", "api/recipes/<str:name>", owners(200), fill={"name": "recipe_name"}),
    Row("POST", "api/recipes/<str:name>/apply", owners(202), fill={"name": "recipe_name"}),
    Row("DELETE", "api/recipes/<str:name>", owners(204), fill={"name": "recipe_name"}),
    # Each account for itself; the last of them, as it gives the others one of this name.
    Row(
        "PUT",
        "api/recipes/<str:name>",
        accounts(201) | {"owner": 200},
        {"json": {"width": 50}},
        fill={"name": "recipe_name"},
    ),
    Row("GET", "api/feed", accounts(200)),
    Row("POST", "api/canvas", accounts(202), {"json": {"width": 1, "height": 1, "granular": 100}}),
    Row("POST", "ping", accounts(200), ONE_PIXEL),
    Row("POST", "pong", accounts(200), ONE_PIXEL),
    Row("POST", "imgproc/upload", accounts(202), CSV),
    Row("GET", "imgproc/status/<any_uuid:job_id>", owners(200), fill={"job_id": "csv_job_id"}),
    Row("GET", "imgproc/result/<any_uuid:job_id>", owners(200), fill={"job_id": "csv_job_id"}),
    Row("GET", "imgproc/check_db_connection", everybody(200)),
    Row("GET", "api/webhooks", accounts(200)),
    Row("POST", "api/webhooks", accounts(400)),
    Row("POST", "api/webhooks/secret", accounts(201)),
    Row("POST", "api/webhooks/<any_uuid:endpoint_id>/test", owners(202)),
    Row("POST", "api/webhooks/<any_uuid:endpoint_id>/secret", owners(201)),
    Row("POST", "api/webhooks/deliveries/replay", accounts(202), {"json": {}}),
    Row("GET", "api/webhooks/deliveries", accounts(200)),
    # Its receiver does not exist: it is still on its way.
    Row("POST", "api/webhooks/deliveries/<any_uuid:delivery_id>/replay", owners(409)),
    Row("GET", "api/webhooks/<any_uuid:endpoint_id>", owners(200)),
    Row("DELETE", "api/webhooks/<any_uuid:endpoint_id>", owners(204)),
    # The page itself, or its sign-in form.
    Row("GET", "", everybody(200)),
    # Open to all, under names and tokens that nobody can guess.
    Row("GET", "links/<str:token>", everybody(200)),
    Row("GET", "media/<str:key>/<str:file>", everybody(200)),
    Row("GET", "healthz/live", everybody(200)),
    Row("GET", "healthz/ready", everybody(200)),
    Row("GET", "admin", everybody(302)),
    # Counts and descriptions, no one's data.
    Row("GET", "metrics", everybody(200)),
    Row("GET", "api/schema", everybody(200)),
    Row("GET", "api/docs", everybody(200)),
    Row("GET", "api/asyncapi.yaml", everybody(200)),
]

OPEN = 0
# What a socket ends with; OPEN where it stays open.
SOCKETS: dict[str, Expected] = {
    "ws/upload": accounts(OPEN) | {"none": 4401, "expired": 4401},
    "ws/feed": accounts(OPEN) | {"none": 4401, "expired": 4401},
    "ws/jobs/<any_uuid:job_id>": accounts(4404) | {"none": 4401, "expired": 4401, "owner": OPEN},
    # Every path where there is no socket.
    "": accounts(4404) | {"none": 4401, "expired": 4401},
}


def routes(patterns: list[URLPattern | URLResolver], prefix: str = "") -> Iterator[tuple[str, URLPattern]]:
    """Every route of the service but the admin's own, with its pattern."""
    for pattern in patterns:
        path = prefix + str(pattern.pattern)
        if isinstance(pattern, URLPattern):
            yield path.rstrip("/"), pattern
        elif pattern.app_name != "admin":
            yield from routes(pattern.url_patterns, path)


def methods(pattern: URLPattern) -> set[str]:
    """What the view behind it answers; a plain function is asked with GET."""
    view = getattr(pattern.callback, "cls", None)
    if view is None:
        return {"GET"}
    taken = pattern.callback.initkwargs.get("http_method_names", view.http_method_names)
    return {
        name.upper()
        for name in ("get", "post", "put", "patch", "delete")
        if name in taken and hasattr(view, name)
    }


def test_every_route_has_a_row() -> None:
    there = {(method, route) for route, pattern in routes(urlpatterns) for method in methods(pattern)}
    assert {(row.method, row.route) for row in ROWS} == there


def test_every_socket_has_a_row() -> None:
    there = {str(route.pattern).removesuffix("/") for route in sockets.routes}
    assert set(SOCKETS) == there


@pytest.fixture(scope="module")
def closed(stack: Stack) -> Iterator[str]:
    """A web server of the same service without an anonymous plan."""
    with web_server(stack, IMAGEAPI_ANONYMOUS_PLAN="") as url:
        yield url


class Crowd:
    """One caller of each kind: where they turn to, and with which headers."""

    def __init__(self, stack: Stack, closed: str) -> None:
        self.bases = dict.fromkeys(CALLERS, stack.url) | {"none": closed}
        self.accounts = {
            "expired": Account(stack, "matrix-alice"),
            "stranger": Account(stack, "matrix-charlie"),
            "administrator": Account(stack, stack.username, stack.password),
            "owner": Account(stack, "matrix-alice"),
        }
        expire(stack, self.accounts["expired"].token)
        self.headers: dict[str, dict[str, str]] = {"none": {}, "anonymous": {}}
        for caller, account in self.accounts.items():
            self.headers[caller] = {"Authorization": f"Bearer {account.token}"}

    def close(self) -> None:
        for account in self.accounts.values():
            account.client.close()


@pytest.fixture(scope="module")
def crowd(stack: Stack, closed: str) -> Iterator[Crowd]:
    with Administrator(stack) as admin:
        for name in ("matrix-alice", "matrix-charlie"):
            admin.add_account(name, "Enterprise")
    crowd = Crowd(stack, closed)
    yield crowd
    crowd.close()


@pytest.fixture(scope="module")
def lasting_things(crowd: Crowd) -> dict[str, str]:
    """Those of Alice's things that no request takes away."""
    alice = crowd.accounts["owner"]
    told = alice.multi([("a.jpg", photo(4, 60, 40))], data={"webhook_url": RECEIVER}).json()["job_id"]
    fetched = alice.client.post("/imgproc/upload", **CSV).json()["request_id"]
    for job_id in (told, fetched):
        alice.finished(job_id)
    [delivery] = alice.client.get("/api/webhooks/deliveries", params={"job": told}).json()["results"]
    return {"csv_job_id": fetched, "delivery_id": delivery["id"]}


@pytest.fixture
def things(crowd: Crowd, lasting_things: dict[str, str]) -> Iterator[dict[str, str]]:
    """Alice's things, fresh for each test."""
    client = crowd.accounts["owner"].client
    shown = crowd.accounts["owner"].upload(("a.jpg", photo(2, 60, 40))).json()["image"]
    link = client.post(f"/api/images/{shown['id']}/links", json={"expire_time": 300}).json()["url"]
    begun = client.post("/api/uploads", headers={"Tus-Resumable": "1.0.0", "Upload-Length": "9"})
    endpoint = client.post("/api/webhooks", json={"url": RECEIVER}).json()["id"]
    _, _, key, file = shown["renditions"][0]["url"].split("/")
    ids = {"image_id": shown["id"], "job_id": shown["job_id"], "endpoint_id": endpoint}
    ids["open_job_id"] = client.post("/api/batches").json()["job_id"]
    ids["upload_id"] = begun.headers["Location"].rpartition("/")[2]
    signing_in = {"username": "matrix-alice", "password": PASSWORD}
    ids["token_id"] = client.post("/api/tokens", json=signing_in).json()["id"]
    client.put("/api/recipes/lamp", json={"width": 50})
    ids["recipe_name"] = "lamp"
    yield {**lasting_things, **ids, "token": link.rpartition("/")[2], "key": key, "file": file}
    client.delete(f"/api/webhooks/{endpoint}")


def filled(route: str, things: dict[str, str], fill: dict[str, str] | None = None) -> str:
    names = fill or {}
    return re.sub(r"<(?:\w+:)?(\w+)>", lambda match: things[names.get(match[1], match[1])], route)


def expire(stack: Stack, token: str) -> None:
    """As if its 30 days were over. Only its hash is kept, so it is found by its first characters."""
    connection = psycopg2.connect(embedded.database_url(stack.home))
    try:
        with connection, connection.cursor() as cursor:
            cursor.execute(
                "UPDATE knox_authtoken SET expiry = now() - interval '1 second' WHERE token_key = %s",
                [token[:15]],
            )
            assert cursor.rowcount == 1
    finally:
        connection.close()


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_every_route_answers_each_caller(
    row: Row, stack: Stack, closed: str, crowd: Crowd, things: dict[str, str]
) -> None:
    callers = Crowd(stack, closed) if row.ends_tokens else crowd
    seen = {}
    for caller in CALLERS:
        url = f"{callers.bases[caller]}/{filled(row.route, things, row.fill)}"
        send = {**row.send, "headers": {**row.send.get("headers", {}), **callers.headers[caller]}}
        if "data" in send:
            send["data"] = {name: filled(text, things, row.fill) for name, text in row.send["data"].items()}
        answer = httpx.request(row.method, url, timeout=60, **send)
        seen[caller] = answer.status_code
        if answer.status_code >= 400:
            assert answer.headers["Content-Type"] == "application/problem+json", answer.text
            assert answer.json()["status"] == answer.status_code
    assert seen == row.expected
    if callers is not crowd:
        callers.close()


# An event is told as it was when it was written.
LOGS = {"api/jobs/<any_uuid:job_id>/events", "api/events"}


def _names_others(route: str) -> bool:
    """Whether it needs more than an image and its job."""
    return "endpoint_id" in route or "<str:name>" in route


def test_after_a_downgrade_no_route_shows_what_the_plan_gives_no_more(stack: Stack) -> None:
    name = "matrix-dora"
    with Administrator(stack) as admin:
        admin.add_account(name, "Enterprise")
        with Account(stack, name) as dora:
            rich = dora.upload(("a.jpg", photo(3, 600, 500))).json()["image"]
            ids = {"image_id": rich["id"], "job_id": rich["job_id"]}
            rows = [row for row in ROWS if row.expected["none"] == 401 and row.method == "GET"]
            about = [row.route for row in rows if row.route not in LOGS and not _names_others(row.route)]
            paths = {route: filled(route, ids) for route in about}
            before = "".join(dora.client.get(path).text for path in paths.values() if "/original" not in path)
            assert "thumbnail-400" in before
            assert '/original"' in before
            admin.give_plan(name, "Basic")
            for route, path in paths.items():
                shown = dora.client.get(path).text
                assert "thumbnail-400" not in shown, route
                assert '/original"' not in shown, route
            shown = dora.upload(("b.jpg", photo(3, 600, 500))).text
            assert "thumbnail-400" not in shown, "not even of a duplicate"


@pytest.mark.parametrize("path", SOCKETS)
async def test_every_socket_answers_each_caller(path: str, crowd: Crowd, things: dict[str, str]) -> None:
    seen = {}
    for caller in CALLERS:
        url = f"{crowd.bases[caller]}/{filled(path, things)}".replace("http", "ws", 1)
        seen[caller] = await ending(url, crowd.headers[caller])
    assert seen == SOCKETS[path]


async def ending(url: str, headers: dict[str, str]) -> int:
    """The code the socket is closed with, or OPEN once it has sent a frame."""
    async with connect(url, additional_headers=headers) as socket:
        try:
            await asyncio.wait_for(socket.recv(), 10)
        except ConnectionClosed as error:
            return error.rcvd.code if error.rcvd else -1
        return OPEN


def admin_routes() -> list[tuple[str, str]]:
    """Every page of the admin (name, path), with made-up ids."""
    patterns, *_ = django_admin.site.urls
    found = []
    for route, pattern in routes(patterns, "admin/"):
        path = re.sub(r"<path:\w+>", "1", re.sub(r"<int:\w+>", "1", route))
        path = re.sub(r"\(\?P<url>\.\*\)\$|\(\?P<app_label>[^)]*\)/?\$?", "", path).replace("^", "")
        found.append((str(pattern.name), f"{path.rstrip('/')}/"))
    return found


def test_the_admin_is_the_administrators_alone(stack: Stack, crowd: Crowd) -> None:
    pages = admin_routes()
    assert len(pages) > 20
    with httpx.Client(base_url=stack.url) as owner, Administrator(stack) as admin:
        credentials = {"username": "matrix-alice", "password": PASSWORD}
        owner.get("/login")
        form = {**credentials, "csrfmiddlewaretoken": owner.cookies["csrftoken"]}
        assert owner.post("/login", data=form).status_code == 302
        for name, path in pages:
            if name in ("login", "logout"):
                continue
            url = f"{stack.url}/{path}"
            nobody = httpx.get(url)
            stranger = httpx.get(url, headers=crowd.headers["stranger"])
            token = httpx.get(url, headers=crowd.headers["administrator"])
            for answer in (nobody, stranger, token, owner.get(url)):
                assert answer.status_code == 302, path
                assert answer.headers["Location"].startswith("/admin/login/"), path
            answer = admin.client.get(f"/{path}", follow_redirects=False)
            assert answer.status_code < 500, path
            assert not answer.headers.get("Location", "").startswith("/admin/login/"), path
