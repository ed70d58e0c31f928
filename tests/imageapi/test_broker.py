"""One variable names the broker, and beat does not fill what nobody empties."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

import pytest
from celery import current_app
from celery.beat import ScheduleEntry

from imageapi import beat, broker
from tests.stack import ROOT


def broker_seen_with(**environ: str) -> str:
    """The broker's address that a new process of the service uses."""
    code = "from imageapi.celery import app; print(app.connection_for_write().as_uri())"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env={**os.environ, **environ}, capture_output=True, check=True
    )
    return done.stdout.decode().strip()


def test_celerys_own_variable_does_not_replace_the_broker() -> None:
    assert broker_seen_with(CELERY_BROKER_URL="amqp://elsewhere//") == broker_seen_with()
    assert broker_seen_with(IMAGEAPI_BROKER_URL="amqp://guest@mq.example:5673//").startswith(
        "amqp://guest:**@mq.example:5673"
    )


def test_the_variables_that_are_not_read_are_named() -> None:
    environ = {"CELERY_BROKER_URL": "redis://a", "REDIS_URL": "redis://b"}
    assert broker.forget_celerys_own(environ) == ["CELERY_BROKER_URL"]
    assert environ == {"REDIS_URL": "redis://b"}


@pytest.mark.usefixtures("servers")
def test_a_queue_that_nobody_empties_does_not_grow_by_beat(tmp_path: Any) -> None:
    with current_app.connection_for_write() as connection:
        channel: Any = connection.default_channel
        channel.queue_declare("upkeep", durable=True, auto_delete=False)
        channel.queue_purge("upkeep")
        scheduler = beat.Scheduler(current_app, schedule_filename=str(tmp_path / "schedule"), lazy=True)
        entry = ScheduleEntry(
            name="sweep", task="sweep", schedule=2.0, options={"expires": 4}, app=current_app
        )
        for _ in range(100):
            scheduler.apply_async(entry, advance=False)
        assert channel.queue_declare("upkeep", durable=True, auto_delete=False).message_count == 20
        channel.queue_purge("upkeep")
