"""Log lines: nothing in a value can pass for another key or another line."""

from __future__ import annotations

import json
import logging
import sys
from typing import Any

import pytest

from imageapi.observability.logs import Json, KeyValue
from processing.plumbing.request_id import request_id


def record(message: str, **extra: Any) -> logging.LogRecord:
    return logging.getLogger("test").makeRecord("test", logging.INFO, "", 0, message, (), None, extra=extra)


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("plain.jpg", "file=plain.jpg"),
        (7, "file=7"),
        ("", 'file=""'),
        ("two words", 'file="two words"'),
        ("a=b", 'file="a=b"'),
        ('quo"te', r'file="quo\"te"'),
        ("line\nlevel=error", r'file="line\nlevel=error"'),
        ("back\\slash", r'file="back\\slash"'),
        ("zwei\u2028zeilen", 'file="zwei\u2028zeilen"'),
    ],
)
def test_a_value_that_could_be_misread_is_quoted(value: object, written: str) -> None:
    assert KeyValue().format(record("x", file=value)).endswith(f" {written}")


def test_the_request_is_in_every_line_of_its_context() -> None:
    token = request_id.set("abc-1")
    try:
        assert ' event="image done" request=abc-1 image=7' in KeyValue().format(record("image done", image=7))
        assert json.loads(Json().format(record("x")))["request"] == "abc-1"
    finally:
        request_id.reset(token)
    assert "request" not in json.loads(Json().format(record("x")))


def test_a_traceback_comes_along() -> None:
    line = record("x")
    try:
        raise ValueError("of this kind")
    except ValueError:
        line.exc_info = sys.exc_info()
    assert "ValueError: of this kind" in KeyValue().format(line).splitlines()[-1]
    assert "ValueError: of this kind" in json.loads(Json().format(line))["traceback"]


@pytest.mark.parametrize(
    ("said", "written"),
    [
        ("/links/eyJpIjoiYSJ9:1vOx:Zk-_9", "/links/-"),
        ("Not Found: /img/links/eyJpIjoiYSJ9:1vOx:Zk", "Not Found: /img/links/-"),
        ("/media/Zk3dQ0aXQ1y0B7vKJ2m9xw/web.0123456789abcdef.jpg", "/media/-"),
        ("renditions/Zk/Zk3dQ0aXQ1y0B7vKJ2m9xw.web.jpg is not removed", "renditions/- is not removed"),
        ("/api/images/0198/links", "/api/images/0198/links"),
    ],
)
def test_no_line_holds_what_opens_a_file_without_a_login(said: str, written: str) -> None:
    assert json.loads(Json().format(record("x", path=said)))["path"] == written
    assert said not in KeyValue().format(record(said)) or said == written
