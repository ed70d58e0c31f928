"""One more pixel at a time, over HTTP."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable
from itertools import cycle
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image

from processing.imaging.canvas.canvas import Canvas
from tests import drawing
from tests.api import Api


def blank(width: int = 6, height: int = 5) -> bytes:
    return drawing.encoded(drawing.solid("white", (width, height)), "PNG")


def text(data: bytes) -> str:
    return base64.b64encode(data).decode()


def pixels(answer: httpx.Response) -> np.ndarray:
    return np.asarray(drawing.decoded(base64.b64decode(answer.json()["file"], validate=True)))


UNESCAPED = {"Content-Type": "application/x-www-form-urlencoded"}
WRAPPINGS: dict[str, Callable[[bytes], dict[str, Any]]] = {
    "json": lambda png: {"json": {"file": text(png)}},
    "urlencoded": lambda png: {"data": {"file": text(png)}},
    "unescaped": lambda png: {"content": f"file={text(png)}", "headers": UNESCAPED},
    "multipart": lambda png: {"files": {"file": (None, text(png))}},
    "text file": lambda png: {"files": {"file": ("canvas.txt", base64.encodebytes(png))}},
    "png file": lambda png: {"files": {"file": ("canvas.png", png)}},
    "data url": lambda png: {"json": {"file": f"data:image/png;base64,{text(png)}"}},
}


def test_ping_and_pong_fill_a_canvas_in_turn(api: Api) -> None:
    file, progressions = text(blank(6, 5)), []
    for path in cycle(("/ping", "/pong")):
        answer = api.client.post(path, json={"file": file})
        assert answer.status_code == 200
        file = answer.json()["file"]
        progressions.append(answer.json()["progression"])
        if progressions[-1] >= 100:
            break
    assert progressions == [100 * n / 30 for n in range(1, 31)]
    full = pixels(answer).reshape(-1, 3)
    assert len(np.unique(full, axis=0)) == 30
    assert not (full == 255).all(axis=1).any()


def test_a_full_canvas_comes_back_as_it_is(api: Api) -> None:
    file = text(drawing.encoded(drawing.solid("navy"), "PNG"))
    answer = api.client.post("/pong", json={"file": file})
    assert answer.status_code == 200
    assert answer.json() == {"file": file, "progression": 100.0}


@pytest.mark.parametrize("how", WRAPPINGS)
@pytest.mark.parametrize("path", ["/ping", "/pong/"])
def test_it_takes_a_canvas_in_every_wrapping(api: Api, path: str, how: str) -> None:
    answer = api.client.post(path, **WRAPPINGS[how](blank()))
    assert answer.status_code == 200, answer.text
    assert ((pixels(answer) != 255).any(axis=2)).sum() == 1
    assert answer.json()["progression"] == 100 / 30


@pytest.mark.parametrize("how", ["json", "unescaped", "multipart", "png file"])
def test_a_large_canvas_passes_in_every_wrapping(api: Api, how: str) -> None:
    file = io.BytesIO()
    Canvas(2000, 1500, 5).write_png(file, 90)
    answer = api.client.post("/ping", **WRAPPINGS[how](file.getvalue()))
    assert answer.status_code == 200, answer.text[:500]
    assert answer.json()["progression"] == 100 * 2_700_001 / 3_000_000


def test_the_largest_canvas_passes(api: Api) -> None:
    file = io.BytesIO()
    Canvas(4096, 4096, 5).write_png(file, 100)
    answer = api.client.post("/ping", json={"file": text(file.getvalue())})
    assert answer.status_code == 200, answer.text[:500]
    assert answer.json()["progression"] == 100


PROBLEMS: list[tuple[dict[str, Any], int, str]] = [
    ({"json": {"file": "not base64!"}}, 400, "bad_base64"),
    ({"json": {"file": "ä"}}, 400, "bad_base64"),
    ({"json": {"file": ""}}, 400, "required"),
    ({"json": {"file": None}}, 400, "required"),
    ({"json": {"file": 7}}, 400, "required"),
    ({"json": {"file": {"a": 1}}}, 400, "required"),
    ({"json": {}}, 400, "required"),
    ({"json": []}, 400, "required"),
    ({"json": "x"}, 400, "required"),
    ({}, 400, "required"),
    ({"data": {"other": "1"}}, 400, "required"),
    ({"content": b"{", "headers": {"Content-Type": "application/json"}}, 400, "parse_error"),
    ({"content": b"[" * 60_000, "headers": {"Content-Type": "application/json"}}, 413, "too_many_items"),
    ({"content": b"x", "headers": {"Content-Type": "multipart/form-data"}}, 400, "malformed_multipart"),
    ({"content": b"x", "headers": {"Content-Type": "text/plain"}}, 415, "unsupported_media_type"),
    ({"json": {"file": text(b"hello")}}, 422, "unsupported_format"),
    ({"json": {"file": text(drawing.photo(1, 30, 30))}}, 422, "unsupported_format"),
    ({"json": {"file": text(blank()[:40])}}, 422, "truncated"),
    (
        {"json": {"file": text(drawing.encoded(Image.new("L", (4097, 2), 255), "PNG"))}},
        413,
        "canvas_too_large",
    ),
    (
        {"json": {"file": text(drawing.encoded(Image.new("1", (20_000, 20_000), 1), "PNG"))}},
        413,
        "canvas_too_large",
    ),
]


@pytest.mark.parametrize(("request_", "status", "code"), PROBLEMS)
def test_it_says_what_is_wrong(api: Api, request_: dict[str, Any], status: int, code: str) -> None:
    answer = api.client.post("/ping", **request_)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json()["detail"]


def test_a_body_that_no_canvas_needs_is_refused_with_the_limit(api: Api) -> None:
    answer = api.client.post(
        "/ping", content=b"x" * (97 * 1024 * 1024), headers={"Content-Type": "application/json"}
    )
    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")
    assert answer.json()["limit"] == 96 * 1024 * 1024
