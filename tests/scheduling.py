"""Which test process runs what: tests that share a service run in one, and what takes longest begins first.

Loaded as a pytest plugin (`-p tests.scheduling`).
"""

from __future__ import annotations

from typing import Any

import pytest
from xdist.scheduler import LoadFileScheduling

# Each has one service for all of its files.
_TOGETHER = ("tests/browser/", "tests/feed/")
# Minutes of waiting for restarts, leases and pages: left to the end they would keep one process busy alone.
_FIRST = (
    "tests/browser/",
    "tests/imageapi/up/",
    "tests/faults/",
    "tests/feed/",
    "tests/uploads/test_csv_end_to_end.py",
    "tests/uploads/test_s3_end_to_end.py",
    "tests/e2e/",
    "tests/imageapi/",
)


class ByService(LoadFileScheduling):
    """A file at a time, or a folder where its files share a service."""

    def _split_scope(self, nodeid: str) -> str:
        return next(
            (folder for folder in _TOGETHER if nodeid.startswith(folder)), super()._split_scope(nodeid)
        )


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> ByService:
    # xdist would begin with the files that have the most tests, which are the quickest.
    config.option.loadscopereorder = False
    return ByService(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    def rank(item: pytest.Item) -> int:
        return next((rank for rank, path in enumerate(_FIRST) if item.nodeid.startswith(path)), len(_FIRST))

    items.sort(key=rank)
