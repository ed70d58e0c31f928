"""Which format of a picture a client gets: `Accept` after RFC 9110, section 12.5.1."""

from __future__ import annotations

from typing import TYPE_CHECKING

from processing.news.pictures import COMMON, FORMATS

if TYPE_CHECKING:
    from collections.abc import Collection

_MOST = 64  # entries that are looked at


def best_type(accept: str, offered: Collection[str]) -> str:
    """One of `offered`, always.

    A newer format is sent to those who name it: `*/*` is what programs say that know JPEG at most. Who takes
    none of what there is gets the most common one.
    """
    qualities = _qualities(accept)

    def worth(kind: str) -> tuple[float, int]:
        wildcard = qualities.get("image/*", qualities.get("*/*", 0.0))
        named = kind in qualities
        quality = qualities[kind] if named else wildcard
        rank = len(FORMATS) * 2 - FORMATS.index(kind) if named else len(COMMON) - COMMON.index(kind)
        return (quality, rank) if quality else (0.0, len(COMMON) - COMMON.index(kind))

    return max((kind for kind in offered if kind in FORMATS), key=worth)


def _qualities(accept: str) -> dict[str, float]:
    found: dict[str, float] = {}
    for entry in accept.split(",")[:_MOST]:
        kind, *parameters = (part.strip().lower() for part in entry.split(";"))
        found[kind] = next((_number(p[2:]) for p in parameters if p.startswith("q=")), 1.0)
    return found


def _number(text: str) -> float:
    try:
        quality = float(text)
    except ValueError:
        return 0.0
    return quality if 0 <= quality <= 1 else 0.0
