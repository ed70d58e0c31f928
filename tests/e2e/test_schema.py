"""The descriptions of the interface, held against what the service really answers."""

from __future__ import annotations

import json
import re
from typing import Any

import httpx
import jsonschema
import pytest
import requests
import schemathesis
import yaml
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import Response
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi import checks
from websockets.sync.client import connect

from imageapi.management.commands.shapes import SHARED
from processing.webhooks.events import EVENTS, TEST
from tests.api import Api
from tests.drawing import photo
from tests.stack import ROOT, Stack
from tests.uploads.resumable.clients import Draft, Tus
from uploads.api.schema.components import COMPONENTS

CHECKS = (
    not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_schema_conformance,
)

for media_type in ("application/offset+octet-stream", "application/partial-upload"):
    schemathesis.serializer.alias(media_type, "application/octet-stream")

OF_THE_UPLOAD = {"location", "content-location", "x-image-id", "repr-digest"}


@pytest.fixture(scope="module")
def described(stack: Stack) -> Any:
    return schemathesis.openapi.from_url(f"{stack.url}/api/schema/")


@pytest.fixture(scope="module")
def asyncapi() -> Any:
    return yaml.safe_load((ROOT / "docs" / "asyncapi.yaml").read_text())


def hold(described: Any, path: str, answer: httpx.Response) -> httpx.Response:
    """Fails where the answer is none that the schema describes."""
    plain = Response(
        status_code=answer.status_code,
        headers={name: [value] for name, value in answer.headers.items()},
        content=answer.content,
        request=requests.Request(answer.request.method, str(answer.request.url)).prepare(),
        elapsed=answer.elapsed.total_seconds(),
        verify=False,
    )
    described[path][answer.request.method].validate_response(plain)
    return answer


def test_every_view_is_described(api: Api) -> None:
    document = api.client.get("/api/schema/").json()
    assert document["openapi"].startswith("3.1")
    for path, methods in document["paths"].items():
        assert not path.endswith("/"), path
        for operation in methods.values():
            assert operation["summary"], path
            assert operation["tags"] != ["api"], f"{path}: describe it in uploads/schema"
    posted = document["paths"]["/api/async/batch/upload"]["post"]
    assert posted["requestBody"]["content"]["multipart/form-data"]["examples"]
    assert posted["responses"]["413"]["content"]["application/problem+json"]["examples"]


def test_the_headers_of_resumable_uploads_are_described(api: Api, described: Any) -> None:
    picture, tus, draft = photo(8_900, 120, 90), Tus(api.client), Draft(api.client)
    created, begun = tus.create(len(picture)), draft.create(picture[:100], "?0")
    answers = [
        ("/api/uploads", created),
        ("/api/uploads/{upload_id}", tus.patch(created.headers["Location"], 0, picture)),
        ("/api/uploads", begun),
        ("/api/uploads/{upload_id}", draft.patch(begun.headers["Location"], 100, picture[100:200], "?0")),
        ("/api/uploads/{upload_id}", draft.patch(begun.headers["Location"], 200, picture[200:], "?1")),
        ("/api/uploads", draft.create(picture, "?1")),
    ]
    document = api.client.get("/api/schema/").json()
    for path, answer in answers:
        hold(described, path, answer)
        operation = document["paths"][path][answer.request.method.lower()]
        told = operation["responses"][str(answer.status_code)]["headers"]
        own = {name for name in answer.headers if name.startswith("upload-") or name in OF_THE_UPLOAD}
        assert own
        assert own <= {name.lower() for name in told}, (path, answer.status_code)


def test_real_answers_are_as_described(api: Api, described: Any) -> None:
    files = [(f"{n}.jpg", photo(8_000 + n, 120, 90)) for n in range(3)]
    hold(described, "/api/upload", api.upload(files[0]))
    hold(described, "/api/upload", api.upload(("x.jpg", b"no image")))
    hold(described, "/api/async/upload", api.multi(files))
    job = hold(described, "/api/async/batch/upload", api.batch([*files, ("x", b"")])).json()["job_id"]
    hold(described, "/api/async/batch/upload", api.client.post("/api/async/batch/upload"))
    api.finished(job)
    image = api.images(job)[0]["id"]
    checksums = {"checksums": ["sha256:" + "0" * 64]}
    get = api.client.get
    for path, answer in (
        ("/api/list", get("/api/list?limit=2")),
        ("/api/list", get("/api/list?limit=0")),
        ("/api/jobs", get("/api/jobs")),
        ("/api/jobs/{job_id}", get(f"/api/jobs/{job}")),
        ("/api/jobs/{job_id}/images", get(f"/api/jobs/{job}/images?limit=1")),
        ("/api/jobs/{job_id}/events", get(f"/api/jobs/{job}/events")),
        ("/api/jobs/{job_id}/retry", api.client.post(f"/api/jobs/{job}/retry")),
        ("/api/jobs/{job_id}/cancel", api.client.post(f"/api/jobs/{job}/cancel")),
        ("/api/images/{image_id}", get(f"/api/images/{image}")),
        ("/api/images/{image_id}/original", get(f"/api/images/{image}/original")),
        ("/api/images/{image_id}", api.client.delete(f"/api/images/{image}")),
        ("/api/images/{image_id}", get(f"/api/images/{image}")),
        ("/api/images/{image_id}/restore", api.client.post(f"/api/images/{image}/restore")),
        ("/api/images/check", api.client.post("/api/images/check", json=checksums)),
        ("/api/me", get("/api/me")),
        ("/healthz/live", get("/healthz/live")),
        ("/healthz/ready", get("/healthz/ready")),
        ("/metrics", get("/metrics")),
    ):
        hold(described, path, answer)


def test_whatever_is_sent_is_answered_as_described(stack: Stack, api: Api, described: Any) -> None:
    login = {"username": stack.username, "password": stack.password}

    def token() -> str:
        return api.client.post("/api/tokens", json=login).json()["token"]

    kept = token()
    for found in described.get_all_operations():
        operation = found.ok()

        @settings(
            max_examples=5,
            deadline=None,
            derandomize=True,
            database=None,
            phases=[Phase.explicit, Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy())
        def answered(case: Any) -> None:
            # One of the operations revokes the token that it is sent with.
            headers = {"Authorization": f"Bearer {token() if case.path == '/api/tokens/current' else kept}"}
            case.call_and_validate(base_url=stack.url, headers=headers, checks=CHECKS, timeout=40)

        answered()


def test_the_docs_work_without_another_host(api: Api) -> None:
    page = api.client.get("/api/docs/")
    assert page.status_code == 200
    assert not re.findall(r'(?:src|href)="(?:https?:)?//', page.text)
    for address in re.findall(r'(?:src|href)="(/static/[^"]+\.(?:js|css))"', page.text):
        assert api.client.get(address).status_code == 200
    assert "swagger-ui-bundle.js" in page.text


def test_sockets_send_what_asyncapi_describes(stack: Stack, api: Api, asyncapi: Any) -> None:
    base = stack.url.replace("http", "ws", 1)
    protocols = ["imageapi", f"bearer.{stack.token}"]
    with connect(f"{base}/ws/upload/", subprotocols=protocols) as uploads:
        first = uploads.recv(10)
        job = api.batch([("a.jpg", photo(8_100, 120, 90)), ("b.jpg", photo(8_101, 90, 120))]).json()["job_id"]
        with connect(f"{base}/ws/jobs/{job}/?since=0", subprotocols=protocols) as live:
            events = [live.recv(20)]
            while json.loads(events[-1])["type"] != "job.finished":
                events.append(live.recv(20))
        notified = [uploads.recv(20), uploads.recv(20)]
        uploads.send("no frame")
        complaint = uploads.recv(10)
    with connect(f"{base}/ws/jobs/{job}/", subprotocols=protocols) as late:
        snapshot = late.recv(10)

    seen = {_described(asyncapi, text) for text in (first, *events, *notified, complaint, snapshot)}
    expected = {
        "connection",
        "send_upload_notification",
        "error",
        "job.snapshot",
        "job.progress",
        "job.finished",
    }
    assert seen == expected


def _described(asyncapi: Any, text: str) -> str:
    """The type of a frame; fails where it is none of that type's shape."""
    frame = json.loads(text)
    schema = asyncapi["components"]["messages"][frame["type"]]["payload"]
    jsonschema.validate(
        frame, {**schema, "components": asyncapi["components"]}, cls=jsonschema.Draft202012Validator
    )
    return frame["type"]


def test_streams_send_what_asyncapi_describes(api: Api, asyncapi: Any) -> None:
    job = api.batch([("a.jpg", photo(8_102, 120, 90))]).json()["job_id"]
    api.finished(job)
    for channel, path, first in (
        ("jobEvents", f"/api/jobs/{job}/events", "job.progress"),
        ("jobEvents", f"/api/jobs/{job}/events?since=99", "job.snapshot"),
        ("accountEvents", "/api/events?since=999999", "account.snapshot"),
    ):
        with api.client.stream("GET", path, headers={"Accept": "text/event-stream"}) as answer:
            data = next(line for line in answer.iter_lines() if line.startswith("data: "))
        assert _described(asyncapi, data.removeprefix("data: ")) == first
        assert first in asyncapi["channels"][channel]["messages"]


def test_asyncapi_describes_every_event_of_webhooks(asyncapi: Any) -> None:
    described = asyncapi["channels"]["webhooks"]["messages"]
    assert described.keys() == {*EVENTS, TEST.name}


def test_both_descriptions_share_their_shapes(api: Api, asyncapi: Any) -> None:
    shapes = json.loads(json.dumps({name: COMPONENTS[name] for name in SHARED}))
    assert asyncapi["components"]["schemas"] == shapes, "run `manage.py shapes`"
    assert yaml.safe_load(api.client.get("/api/asyncapi.yaml").text) == asyncapi
