"""`make bench` is run seldom: that what it names can be loaded is seen here."""

from __future__ import annotations

import importlib

import pytest

from benchmarks.__main__ import BENCHMARKS


@pytest.mark.parametrize("name", BENCHMARKS)
def test_benchmark_is_there(name: str) -> None:
    module = importlib.import_module(f"benchmarks.{BENCHMARKS[name]}")

    assert module.__doc__
    assert callable(module.run)
