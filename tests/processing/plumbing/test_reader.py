"""A question to the database survives a connection that broke since the last one."""

from __future__ import annotations

import pytest
from django.db import OperationalError, connection, transaction
from django.test.utils import CaptureQueriesContext

from processing.plumbing.reader import Reader, persistently

pytestmark = pytest.mark.django_db(transaction=True)


def backend() -> int:
    """The process of PostgreSQL that serves this connection."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        return int(cursor.fetchone()[0])


def end(process: int) -> None:
    """Ends a connection from the other side, as a restart of the database does."""
    other = connection.copy()
    with other.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s, 5000)", [process])
    other.close()


def leave() -> None:
    connection.close()  # the one of the thread that runs this


def test_a_broken_connection_is_replaced() -> None:
    first = persistently(backend)
    end(first)
    assert persistently(backend) != first


def test_nothing_is_asked_but_the_question() -> None:
    persistently(backend)
    connection.close_if_unusable_or_obsolete()  # as between two requests: the next use would check it
    with CaptureQueriesContext(connection) as queries:
        persistently(backend)
    assert len(queries) == 1


def test_within_a_transaction_nothing_is_asked_again() -> None:
    def in_transaction() -> None:
        with transaction.atomic():
            end(persistently(backend))
            persistently(backend)

    with pytest.raises(OperationalError):
        in_transaction()


async def test_a_readers_thread_keeps_its_connection_and_replaces_a_broken_one() -> None:
    reader = Reader("test", 1)
    first = await reader.ask(backend)
    assert await reader.ask(backend) == first
    await reader.ask(end, first)
    assert await reader.ask(backend) != first
    await reader.ask(leave)
