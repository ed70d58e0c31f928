"""Messages whose acknowledgement Redis does not take."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from queue import Empty

import pytest
from kombu import Connection
from kombu.transport.virtual import Channel

from imageapi.broker import Transport
from imageapi.celery import app
from imageapi.up import embedded


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[embedded.Redis]:
    server = embedded.Redis(tmp_path)
    server.start()
    yield server
    server.stop()


@pytest.fixture
def channel(redis: embedded.Redis, tmp_path: Path) -> Iterator[Channel]:
    url = embedded.redis_url(tmp_path).replace("unix://", "redis+socket://").partition("?")[0]
    with Connection(url, transport_options={"socket_timeout": 1}) as connection:
        assert isinstance(connection.transport, Transport)
        opened = connection.channel()
        opened.queue_declare("q")
        opened.basic_qos(prefetch_count=1)
        yield opened


def take(channel: Channel) -> str:
    """Sends a message and receives it; its delivery tag."""
    channel.basic_publish(channel.prepare_message("hello"), exchange="", routing_key="q")
    message = channel.basic_get("q")
    assert message is not None
    channel.qos.append(message, message.delivery_tag)
    return str(message.delivery_tag)


def test_celery_uses_it() -> None:
    assert isinstance(app.connection_for_read().transport, Transport)


@pytest.mark.parametrize("settle", ["basic_ack", "basic_reject"])
def test_a_message_counts_no_more_once_it_is_settled(channel: Channel, settle: str) -> None:
    tag = take(channel)
    assert not channel.qos.can_consume()
    getattr(channel, settle)(tag)
    assert channel.qos.can_consume()


@pytest.mark.parametrize("settle", ["basic_ack", "basic_reject"])
def test_nor_does_it_where_redis_is_away(redis: embedded.Redis, channel: Channel, settle: str) -> None:
    tag = take(channel)
    redis.stop()
    getattr(channel, settle)(tag)
    assert channel.qos.can_consume()
    redis.start()
    with pytest.raises(Empty):
        channel._get("q")  # it was taken from the queue; only its acknowledgement is missing
