"""Places at a host: as many as are allowed, and no fewer for the others."""

from __future__ import annotations

import threading
from contextlib import ExitStack
from typing import Any

import pytest

from processing.jobs import fetches


@pytest.fixture
def hosts(settings: Any, monkeypatch: pytest.MonkeyPatch) -> fetches._Hosts:
    settings.FETCH_PER_HOST = 3
    monkeypatch.setattr(fetches, "_PATIENCE", 0.2)
    return fetches._Hosts()


def test_a_host_has_so_many_places_and_no_more(hosts: fetches._Hosts) -> None:
    with ExitStack() as held:
        assert [held.enter_context(hosts.place("a.test")) for _ in range(4)] == [True, True, True, False]
        assert held.enter_context(hosts.place("b.test"))
    with hosts.place("a.test") as free:
        assert free


def test_who_waits_gets_the_place_that_is_given_back(
    hosts: fetches._Hosts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetches, "_PATIENCE", 30)
    got, given_back = [], threading.Event()

    def wait() -> None:
        with hosts.place("a.test") as free:
            got.append((free, given_back.is_set()))

    with ExitStack() as held:
        for _ in range(3):
            held.enter_context(hosts.place("a.test"))
        waiting = threading.Thread(target=wait)
        waiting.start()
        given_back.set()
    waiting.join(30)
    assert got == [(True, True)]
