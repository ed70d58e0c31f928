"""Strict readers: every value is either understood or refused by name."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from imageapi import env
from imageapi.env import BadSetting
from tests.stack import ROOT


def workers(values: dict[str, str]) -> Any:
    return env.integer("X", 4, low=1, high=64, env=values)


def flag(values: dict[str, str]) -> Any:
    return env.boolean("X", default=True, env=values)


def level(values: dict[str, str]) -> Any:
    return env.choice("X", "INFO", ["INFO", "DEBUG"], env=values)


def hosts(values: dict[str, str]) -> Any:
    return env.listing("X", ["localhost"], env=values)


def broker(values: dict[str, str]) -> Any:
    return env.url("X", "redis://a", ["redis", "unix"], env=values)


def origins(values: dict[str, str]) -> Any:
    return env.origins("X", [], env=values)


ORIGINS = "write origins such as https://app.example, parted by commas, or *"


def word(values: dict[str, str]) -> Any:
    return env.text("X", None, env=values)


@pytest.mark.parametrize(
    ("read", "value", "expected"),
    [
        (workers, "1", 1),
        (workers, " 64 ", 64),
        (workers, "", 4),
        (workers, "  ", 4),
        (flag, "0", False),
        (flag, "off", False),
        (flag, "No", False),
        (flag, "TRUE", True),
        (flag, "", True),
        (level, "DEBUG", "DEBUG"),
        (level, "", "INFO"),
        (hosts, "a, b,,c ", ["a", "b", "c"]),
        (hosts, "", ["localhost"]),
        (broker, "unix:///run/redis.sock?db=0", "unix:///run/redis.sock?db=0"),
        (broker, "redis://:p@host:6379/0", "redis://:p@host:6379/0"),
        (broker, "", "redis://a"),
        (word, " a b ", "a b"),
        (word, "", None),
        (origins, "https://App.example, http://a:80/", ["https://app.example", "http://a:80"]),
        (origins, "*", ["*"]),
        (origins, "", []),
    ],
)
def test_it_reads_what_is_allowed(read: Callable[[dict[str, str]], Any], value: str, expected: Any) -> None:
    assert read({"X": value}) == expected


@pytest.mark.parametrize(
    ("read", "value", "message"),
    [
        (workers, "two", "X='two': write a whole number from 1 to 64"),
        (workers, "0", "X='0': write a whole number from 1 to 64"),
        (workers, "65", "X='65': write a whole number from 1 to 64"),
        (workers, "1.5", "X='1.5': write a whole number from 1 to 64"),
        (workers, "1_0", "X='1_0': write a whole number from 1 to 64"),
        (workers, "٣", "X='٣': write a whole number from 1 to 64"),
        (workers, "9" * 5000, f"X='{'9' * 5000}': write a whole number from 1 to 64"),
        (flag, "maybe", "X='maybe': write 1 or 0 (also: true, yes, on; false, no, off)"),
        (level, "debug", "X='debug': write one of INFO, DEBUG"),
        (hosts, ",", "X=',': write one item or more, parted by commas"),
        (origins, "app.example", f"X='app.example': {ORIGINS}"),
        (origins, "https://app.example/page", f"X='https://app.example/page': {ORIGINS}"),
        (origins, "https://a.example,null", f"X='null': {ORIGINS}"),
        (origins, "https://*.example", f"X='https://*.example': {ORIGINS}"),
        (broker, "http://a", "X='http://a': write an address that starts with redis:// or unix://"),
        (broker, "redis:a", "X='redis:a': write an address that starts with redis:// or unix://"),
        (broker, "redis://", "X='redis://': write an address that starts with redis:// or unix://"),
        (broker, "redis://a:x", "X='redis://a:x': write an address that starts with redis:// or unix://"),
        (broker, "unix:///", "X='unix:///': write an address that starts with redis:// or unix://"),
    ],
)
def test_it_refuses_the_rest_by_name(read: Callable[[dict[str, str]], Any], value: str, message: str) -> None:
    with pytest.raises(BadSetting) as refused:
        read({"X": value})
    assert str(refused.value) == message


@pytest.mark.parametrize(
    ("low", "high", "allowed"),
    [
        (None, None, "write a whole number"),
        (5, None, "write a whole number of 5 or more"),
        (None, 5, "write a whole number of 5 or less"),
        (-1, 5, "write a whole number from -1 to 5"),
    ],
)
def test_it_says_which_numbers_are_allowed(low: int | None, high: int | None, allowed: str) -> None:
    with pytest.raises(BadSetting, match=rf"^X='x': {allowed}$"):
        env.integer("X", 1, low=low, high=high, env={"X": "x"})


def test_a_refused_address_does_not_show_its_password() -> None:
    with pytest.raises(BadSetting) as refused:
        env.url("X", "", ["postgresql"], env={"X": "mysql://alice:s3cret@host/db"})
    assert "s3cret" not in str(refused.value)
    assert "mysql://alice:***@host/db" in str(refused.value)


def test_a_path_is_absolute_whatever_was_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert env.path("X", "./var", env={}) == tmp_path / "var"
    assert env.path("X", "./var", env={"X": "a/../b"}) == tmp_path / "b"
    assert env.path("X", "./var", env={"X": "~"}) == Path.home().resolve()


def test_without_a_mapping_it_reads_the_process_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("X", "7")
    assert env.integer("X", 1) == 7


def test_manage_py_says_a_bad_setting_in_one_line(tmp_path: Path) -> None:
    values = {**os.environ, "IMAGEAPI_WORKERS": "two", "IMAGEAPI_HOME": str(tmp_path)}
    ended = subprocess.run(
        (sys.executable, "manage.py", "up"), cwd=ROOT, env=values, capture_output=True, text=True, check=False
    )
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr == "IMAGEAPI_WORKERS='two': write a whole number from 1 to 64\n"
