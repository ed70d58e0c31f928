"""The rows of a running stack, past the service."""

from __future__ import annotations

from contextlib import closing

import psycopg2

from imageapi.up import embedded
from tests.stack import Stack


def execute(stack: Stack, statement: str, *values: object) -> list[tuple]:
    """What the statement gives; committed."""
    with (
        closing(psycopg2.connect(embedded.database_url(stack.home))) as connection,
        connection.cursor() as cursor,
    ):
        cursor.execute(statement, values)
        found = cursor.fetchall() if cursor.description else []
        connection.commit()
        return found
