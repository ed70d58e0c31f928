"""Keyset pages: stable while rows arrive, opaque cursors in the links."""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from django.db.models import Model, QuerySet

from uploads.intake.refusals import Refused

if TYPE_CHECKING:
    from collections.abc import Callable

    from rest_framework.request import Request

Row = TypeVar("Row", bound=Model)


@dataclass(frozen=True, slots=True)
class Page(Generic[Row]):
    """Rows with the links to the pages around them."""

    rows: list[Row]
    next: str | None
    previous: str | None


def number(request: Request, name: str, default: int, *, low: int, high: int) -> int:
    """A whole number from the query string; raises Refused naming what is allowed."""
    text = request.query_params.get(name)
    if text is None or text == "":
        return default
    if not (text.isascii() and text.isdigit() and len(text) < 20 and low <= int(text) <= high):
        raise Refused(
            400, "invalid", f"`{name}` is a whole number from {low} to {high}, not `{text[:40]}`.", attr=name
        )
    return int(text)


def encode(value: Any, *, back: bool = False) -> str:
    return base64.urlsafe_b64encode(json.dumps([str(value), int(back)]).encode()).decode().rstrip("=")


def decode(text: str, parse: Callable[[str], Any]) -> tuple[Any, bool]:
    """Raises Refused for a cursor that did not come from us."""
    try:
        padded = text.encode("ascii") + b"=" * (-len(text) % 4)
        value, back = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
        if not isinstance(value, str) or back not in (0, 1):
            raise ValueError
        return parse(value), bool(back)
    except (ValueError, TypeError, binascii.Error, UnicodeError, RecursionError) as error:
        raise Refused(
            400, "bad_cursor", "This cursor is none of ours; follow the links as they came.", attr="cursor"
        ) from error


def page(
    request: Request,
    rows: QuerySet[Row],
    field: str,
    parse: Callable[[str], Any],
    *,
    newest_first: bool,
    default: int = 100,
) -> Page[Row]:
    """One page of `rows` in the order of the unique `field`, from `?cursor=` on, `?limit=` long (1..1000)."""
    limit = number(request, "limit", default, low=1, high=1000)
    text = request.query_params.get("cursor")
    value, back = decode(text, parse) if text else (None, False)
    falling = newest_first != back
    if value is not None:
        rows = rows.filter(**{f"{field}__{'lt' if falling else 'gt'}": value})
    found = list(rows.order_by(f"-{field}" if falling else field)[: limit + 1])
    more, found = len(found) > limit, found[:limit]
    if back:
        found.reverse()
    has_next, has_previous = (True, more) if back else (more, value is not None)
    return Page(
        rows=found,
        next=link(request, encode(getattr(found[-1], field))) if found and has_next else None,
        previous=link(request, encode(getattr(found[0], field), back=True))
        if found and has_previous
        else None,
    )


def link(request: Request, cursor: str) -> str:
    """The address of the request with another cursor."""
    query = request.query_params.copy()
    query["cursor"] = cursor
    return request.build_absolute_uri(f"{request.path}?{query.urlencode()}")
