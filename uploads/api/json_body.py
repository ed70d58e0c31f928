"""A JSON body, bounded before it is parsed: by its bytes, its depth, and how much it holds."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rest_framework.parsers import JSONParser

from uploads.intake.refusals import Refused

if TYPE_CHECKING:
    from collections.abc import Mapping

# Possessive, and an open string goes to the end: nothing is ever looked at twice.
_STRINGS = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\Z)', re.DOTALL)
_BRACKETS = re.compile(rb"[\[\]{}]")


@dataclass(frozen=True, slots=True)
class JsonLimits:
    """What a route takes. `items` are values of arrays and members of objects together."""

    size: int = 64 * 1024
    depth: int = 10
    items: int = 1000


def bounded(data: bytes, limits: JsonLimits) -> bytes:
    """The body as it came. Raises Refused: 413 for one that holds too much, 400 for one nested too deep.

    An array or object costs a hundred times the two bytes it is written in, so they are counted before.
    """
    if len(data) > limits.size:
        raise too_large(limits)
    if data.count(b",") + data.count(b"{") + data.count(b"[") <= limits.depth:
        return data
    bare = _STRINGS.sub(b"", data)
    # An item each comma, and one more in every array and object.
    items = bare.count(b",") + bare.count(b"[") + bare.count(b"{")
    if items > limits.items:
        detail = f"The body holds about {items:,} values; allowed are {limits.items:,}."
        raise Refused(413, "too_many_items", detail, limit=limits.items, actual=items)
    if _depth(bare) > limits.depth:
        detail = f"The body is nested too deep; allowed are {limits.depth} levels."
        raise Refused(400, "nested_too_deep", detail, limit=limits.depth)
    return data


def too_large(limits: JsonLimits) -> Refused:
    return Refused(
        413, "body_too_large", f"A body here takes at most {limits.size:,} bytes.", limit=limits.size
    )


def _depth(bare: bytes) -> int:
    deepest = depth = 0
    for bracket in _BRACKETS.findall(bare):
        depth += 1 if bracket in b"[{" else -1
        deepest = max(deepest, depth)
    return deepest


class JSONBody(JSONParser):
    """DRF's parser for bodies within the view's `json_limits`."""

    def parse(
        self, stream: Any, media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        limits = getattr((parser_context or {}).get("view"), "json_limits", JsonLimits())
        data = bounded(stream.read(limits.size + 1), limits)
        try:
            return json.loads(data.decode("utf-8-sig"), parse_constant=_no_number)
        except (ValueError, RecursionError) as error:
            raise Refused(400, "parse_error", f"The body is not JSON (RFC 8259): {error}") from error


def _no_number(name: str) -> None:
    raise ValueError(f"{name} is no number")
