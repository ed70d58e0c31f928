"""Rows of several models from one SELECT that is put together once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db import connection

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from django.db.models import Model


class Joined:
    """Whole rows of a few models, each under an alias of the SQL they are read by.

    What select_related does, for the few queries that are asked all the time: Django takes longer to put such
    a query together than PostgreSQL to answer it. Models keep their converters (JSON, arrays).
    """

    def __init__(self, models: Mapping[str, type[Model]]) -> None:
        fields = [(alias, field) for alias, model in models.items() for field in model._meta.concrete_fields]
        name = connection.ops.quote_name
        self.columns = ", ".join(f"{alias}.{name(str(field.column))}" for alias, field in fields)
        self._models = [
            (model, [f.attname for f in model._meta.concrete_fields]) for model in models.values()
        ]
        self._converters = [
            (place, converter)
            for place, (_, field) in enumerate(fields)
            for converter in field.get_db_converters(connection)
        ]

    def read(self, sql: str, params: Sequence[Any]) -> list[tuple[Any, ...]]:
        """The rows of `sql`, which selects `columns`."""
        with connection.cursor() as cursor:
            cursor.execute(sql, params)
            return [self._instances(list(row)) for row in cursor.fetchall()]

    def _instances(self, row: list[Any]) -> tuple[Model, ...]:
        for place, converter in self._converters:
            row[place] = converter(row[place], None, connection)
        instances, start = [], 0
        for model, names in self._models:
            instances.append(model.from_db(connection.alias, names, row[start : start + len(names)]))
            start += len(names)
        return tuple(instances)
