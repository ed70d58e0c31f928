"""Many new rows in one statement."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from django.db import connection
from django.db.models.expressions import DatabaseDefault

if TYPE_CHECKING:
    from collections.abc import Sequence

    from django.db.models import Model


def insert(rows: Sequence[Model]) -> None:
    """Writes new rows of one model: what they all share is sent once, the rest as one JSON document.

    A third of the time of `bulk_create` for 100 images, which prepares and quotes 28 values for each. Values
    are written as they are: no `pre_save`, no signals; a database default only where every row has it.
    """
    first, fields = rows[0], type(rows[0])._meta.concrete_fields
    columns, values, shared, own = [], [], [], []
    for field in fields:
        value = getattr(first, field.attname)
        if isinstance(value, DatabaseDefault):
            continue
        columns.append(_quoted(field.column))
        if field.primary_key or any(getattr(row, field.attname) != value for row in rows):
            own.append(field)
            values.append(f"v.{columns[-1]}")
        else:
            shared.append(field.get_db_prep_save(value, connection))
            values.append("%s")
    # Without its length: a cast would cut what is too long, a column refuses it.
    types = [f"{_quoted(field.column)} {str(field.db_type(connection)).split('(')[0]}" for field in own]
    document = [{field.column: getattr(row, field.attname) for field in own} for row in rows]
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {_quoted(first._meta.db_table)} ({', '.join(columns)}) "  # noqa: S608
            f"SELECT {', '.join(values)} FROM jsonb_to_recordset(%s::jsonb) AS v({', '.join(types)})",
            [*shared, json.dumps(document, default=str)],
        )
    for row in rows:
        row._state.adding = False


def _quoted(name: str | None) -> str:
    assert name is not None
    return connection.ops.quote_name(name)
