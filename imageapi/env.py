"""Strict readers for environment variables.

A bad value stops the start: `IMAGEAPI_WORKERS='two': write a whole number from 1 to 64`.
An empty string counts as unset, because compose files and CI systems pass unset variables on as empty ones;
but for `name_or_none`, where that could open a door.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

Default = TypeVar("Default")
Environment = Mapping[str, str] | None

_TRUE = frozenset({"1", "true", "yes", "on"})
_FALSE = frozenset({"0", "false", "no", "off"})
PREFIX = re.compile(r"(?:/[A-Za-z0-9._~-]+)+")
_ORIGIN = re.compile(r"https?://[^/?#@*\s]+")
_PASSWORD = re.compile(r"(?<=:)[^:/@]+(?=@)")


class BadSetting(SystemExit):
    """A setting that cannot be used; its text names the variable, the value and what is allowed.

    A SystemExit, so that no framework in between swallows it, and every command ends without a traceback.
    """

    def __init__(self, name: str, value: object, allowed: str) -> None:
        super().__init__(f"{name}={value!r}: {allowed}")
        self.name = name


def text(name: str, default: Default, *, env: Environment = None) -> str | Default:
    """The value without surrounding white space, or the default."""
    value = (os.environ if env is None else env).get(name, "").strip()
    return value or default


def name_or_none(name: str, default: str, *, env: Environment = None) -> str:
    """A name; empty, or `none`, is nobody's here, and only where it is not set at all the default holds."""
    if name not in (os.environ if env is None else env):
        return default
    value = text(name, "", env=env)
    return "" if value.lower() == "none" else value


def integer(
    name: str, default: Default, *, low: int | None = None, high: int | None = None, env: Environment = None
) -> int | Default:
    """A whole number from `low` to `high`, both included."""
    value = text(name, None, env=env)
    if value is None:
        return default
    if not re.fullmatch(r"[+-]?[0-9]{1,18}", value) or not _within(int(value), low, high):
        raise BadSetting(name, value, f"write a whole number{_limits(low, high)}")
    return int(value)


def boolean(name: str, default: Default, *, env: Environment = None) -> bool | Default:
    """One of 1, true, yes, on or 0, false, no, off, in any case."""
    value = text(name, None, env=env)
    if value is None:
        return default
    if value.lower() not in _TRUE | _FALSE:
        raise BadSetting(name, value, "write 1 or 0 (also: true, yes, on; false, no, off)")
    return value.lower() in _TRUE


def choice(name: str, default: Default, options: Sequence[str], *, env: Environment = None) -> str | Default:
    """One of the options, spelled exactly so."""
    value = text(name, None, env=env)
    if value is None:
        return default
    if value not in options:
        raise BadSetting(name, value, f"write one of {', '.join(options)}")
    return value


def listing(name: str, default: Default, *, env: Environment = None) -> list[str] | Default:
    """Items parted by commas; empty items do not count."""
    value = text(name, None, env=env)
    if value is None:
        return default
    items = [item.strip() for item in value.split(",") if item.strip()]
    if not items:
        raise BadSetting(name, value, "write one item or more, parted by commas")
    return items


def origins(name: str, default: list[str], *, env: Environment = None) -> list[str]:
    """Origins as browsers write them, parted by commas; `*` stands for all."""
    found = [item.rstrip("/").lower() for item in listing(name, default, env=env)]
    for origin in found:
        if origin != "*" and not (_is_url(origin, ("http", "https")) and _ORIGIN.fullmatch(origin)):
            raise BadSetting(
                name, origin, "write origins such as https://app.example, parted by commas, or *"
            )
    return found


def prefix(name: str, default: Default, *, env: Environment = None) -> str | Default:
    """The path below which a service is reached: `/img`, without a slash at its end."""
    value = text(name, None, env=env)
    if value is None or value == "/":
        return default
    if not PREFIX.fullmatch(value.rstrip("/")):
        raise BadSetting(name, value, "write a path such as /img")
    return value.rstrip("/")


def path(name: str, default: str | Path, *, env: Environment = None) -> Path:
    """An absolute path; a relative one counts from the current folder, `~` is the user's home."""
    value = text(name, str(default), env=env)
    try:
        return Path(value).expanduser().resolve()
    except (RuntimeError, ValueError, OSError) as error:
        raise BadSetting(name, value, f"write the path of a folder ({error})") from error


def url(name: str, default: Default, schemes: Sequence[str], *, env: Environment = None) -> str | Default:
    """An address with one of the schemes; a password in it is never shown in the message."""
    value = text(name, None, env=env)
    if value is None:
        return default
    if not _is_url(value, schemes):
        starts = " or ".join(f"{scheme}://" for scheme in schemes)
        raise BadSetting(name, _PASSWORD.sub("***", value), f"write an address that starts with {starts}")
    return value


def _is_url(value: str, schemes: Sequence[str]) -> bool:
    try:
        parts = urlsplit(value)
        port_is_valid = parts.port is None or parts.port > 0
    except ValueError:
        return False
    has_target = bool(parts.netloc or parts.path.strip("/"))
    return parts.scheme in schemes and f"{parts.scheme}://" in value and has_target and port_is_valid


def _within(number: int, low: int | None, high: int | None) -> bool:
    return (low is None or number >= low) and (high is None or number <= high)


def _limits(low: int | None, high: int | None) -> str:
    if low is not None and high is not None:
        return f" from {low} to {high}"
    if low is not None:
        return f" of {low} or more"
    return "" if high is None else f" of {high} or less"
