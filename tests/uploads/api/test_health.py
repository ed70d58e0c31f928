"""Readiness: what is watched, and what a stranger's question does not do."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.core.files.storage import storages
from django.test import Client
from django.utils import timezone

from imageapi import __version__
from processing.files.proof import prove
from processing.models import Pulse

pytestmark = pytest.mark.django_db


def ask(client: Client) -> dict[str, str]:
    answer = client.get("/healthz/ready").json()
    assert answer["version"] == __version__
    return dict(answer["checks"])


@pytest.fixture
def alive() -> None:
    storages["originals"].delete("ready")
    Pulse.objects.all().delete()
    for name in ("sweep", "fetcher", "beat"):
        Pulse.objects.beat(name)
    prove()


def test_all_that_works_is_named(client: Client, alive: None) -> None:
    assert ask(client) == dict.fromkeys(("database", "queue", "storage", "worker", "fetcher", "beat"), "ok")


@pytest.mark.parametrize(
    ("pulse", "part"), [("sweep", "worker"), ("fetcher", "fetcher"), ("beat", "beat"), ("storage", "storage")]
)
def test_what_has_not_been_heard_of_for_long_is_named(
    client: Client, alive: None, pulse: str, part: str
) -> None:
    Pulse.objects.filter(name=pulse).update(beat_at=timezone.now() - timedelta(seconds=31))
    checks = ask(client)
    assert [name for name, outcome in checks.items() if outcome != "ok"] == [part]
    assert checks[part].startswith("failed: ")
    assert client.get("/healthz/ready").status_code == 503


def test_a_question_writes_nothing_to_the_storage(client: Client, alive: None) -> None:
    storages["originals"].delete("ready")
    assert ask(client)["storage"] == "failed: no worker has written to it"
    assert not storages["originals"].exists("ready")


def test_the_proof_is_written_once_in_a_while_however_often_it_is_asked_for(alive: None) -> None:
    storages["originals"].delete("ready")
    prove()
    assert not storages["originals"].exists("ready")
