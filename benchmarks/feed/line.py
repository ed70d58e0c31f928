"""What both measurements of the feed need."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from benchmarks.support.home import new_home
from tests.stack import Stack


def quantile(times: list[float], part: float) -> float:
    return sorted(times)[min(len(times) - 1, int(part * len(times)))]


def line(*cells: object) -> None:
    print(
        "  ".join(f"{cell:>14}" if index else f"{cell:<34}" for index, cell in enumerate(cells)), flush=True
    )


@contextmanager
def started() -> Iterator[Stack]:
    with Stack(new_home(), {"IMAGEAPI_WORKERS": "1"}) as stack:
        yield stack
