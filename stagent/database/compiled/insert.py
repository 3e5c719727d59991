"""The INSERT of rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import orjson
from django.db import DEFAULT_DB_ALIAS, connections
from django.db.models import (
    AutoField,
    CharField,
    Field,
    ForeignKey,
    JSONField,
    Model,
    TextField,
)

Statement = tuple[str, Sequence[Any]]  # SQL and its parameters

_Value = Callable[[Model, Any], Any]  # of a row and the connection: its parameter


class CompiledInsert:
    """The INSERT of a model's rows, as `save(force_insert=True)` would without its signals.

    The rows do not learn the keys that the database gives them, but for `unless_there()`.
    """

    def __init__(self, model: type[Model], *, replacing: str = "") -> None:
        """With `replacing`, a row takes the place of the one that is like it in this column."""
        self._model = model
        self._replacing = replacing
        # Without the key that the database gives.
        self._fields: list[Field[Any, Any]] = [
            field
            for field in model._meta.local_concrete_fields
            if not isinstance(field, AutoField)
        ]
        self._compiled: tuple[str, str, str, list[_Value]] | None = None

    def __call__(self, *rows: Model, beside: Sequence[Statement] = ()) -> None:
        """Insert `rows`, and do what is `beside`: other INSERTs, of no rows that these need.

        On PostgreSQL both are one statement, so that what is beside costs no round trip.
        """
        connection = connections[DEFAULT_DB_ALIAS]  # not the proxy: it is asked often
        size = 1
        if len(rows) > 1:
            size = connection.ops.bulk_batch_size(self._fields, rows)
        with connection.cursor() as cursor:
            for start in range(0, len(rows), size):
                some = self._bound(rows[start : start + size], connection)
                for statement in join(connection, some, [] if start else beside):
                    cursor.execute(*statement)
        for row in rows:
            row._state.adding, row._state.db = False, connection.alias

    def statement(self, row: Model) -> Statement:
        """Return the INSERT of one row, to be done beside that of others."""
        return self._bound([row], connections[DEFAULT_DB_ALIAS])

    def unless_there(self, row: Model) -> bool:
        """Insert a row that learns its key, or tell that one like it is there already."""
        connection = connections[DEFAULT_DB_ALIAS]
        insert, parameters = self._bound([row], connection)
        insert += " ON CONFLICT DO NOTHING"
        key = row._meta.pk.column or ""
        can_return = connection.features.can_return_columns_from_insert
        if can_return:
            insert += f" RETURNING {connection.ops.quote_name(key)}"
        with connection.cursor() as cursor:
            cursor.execute(insert, parameters)
            if can_return:
                given = cursor.fetchone()
            else:  # SQLite before 3.35
                last = connection.ops.last_insert_id(cursor, row._meta.db_table, key)
                given = (last,) if cursor.rowcount else None
        if given is None:
            return False
        row.pk = given[0]
        row._state.adding, row._state.db = False, connection.alias
        return True

    def _bound(self, rows: Sequence[Model], connection: Any) -> tuple[str, list[Any]]:
        insert, places, end, values = self._compiled or self._compile(connection)
        parameters = [value(row, connection) for row in rows for value in values]
        return insert + ", ".join([places] * len(rows)) + end, parameters

    def _compile(self, connection: Any) -> tuple[str, str, str, list[_Value]]:
        quote = connection.ops.quote_name
        names = [quote(field.column) for field in self._fields]
        columns = ", ".join(names)
        places = ", ".join("%s" for _ in self._fields)
        table = quote(self._model._meta.db_table)
        insert = f"INSERT INTO {table} ({columns}) VALUES "  # noqa: S608  all ours
        # Not before: a foreign key learns its target when all models are there.
        values = [value_of(field) for field in self._fields]
        self._compiled = insert, f"({places})", self._replace(names, quote), values
        return self._compiled

    def _replace(self, names: Sequence[str], quote: Callable[[str], str]) -> str:
        if not self._replacing:
            return ""
        changes = ", ".join(f"{name} = excluded.{name}" for name in names)
        return f" ON CONFLICT ({quote(self._replacing)}) DO UPDATE SET {changes}"


def join(
    connection: Any, main: Statement, beside: Sequence[Statement]
) -> Sequence[Statement]:
    """Return the statements that do `main` and what is beside it: on PostgreSQL a single one."""
    if not beside or connection.vendor != "postgresql":
        return [*beside, main]
    names = [f"beside_{number} AS ({sql})" for number, (sql, _) in enumerate(beside)]
    parameters = [value for _, values in beside for value in values]
    return [(f"WITH {', '.join(names)} {main[0]}", [*parameters, *main[1]])]


def value_of(field: Field[Any, Any]) -> _Value:
    """Return what reads a row's value of `field` as its database takes it."""
    name, prepare = field.attname, field.get_db_prep_save
    holder = field.target_field if isinstance(field, ForeignKey) else field
    if type(field).pre_save is not Field.pre_save:
        return lambda row, db: prepare(field.pre_save(row, add=True), db)
    if isinstance(holder, CharField | TextField):
        return lambda row, db: getattr(row, name)  # text is text everywhere

    if isinstance(holder, JSONField) and holder.encoder is None:
        return lambda row, db: _json_of(getattr(row, name), prepare, db)

    def value(row: Model, db: Any) -> Any:
        # Django would take a while to find that nothing is nothing.
        return None if (own := getattr(row, name)) is None else prepare(own, db)

    return value


def _json_of(value: Any, prepare: Callable[[Any, Any], Any], db: Any) -> Any:
    """Return JSON as the database takes it; SQLite's by orjson, in a tenth of the time."""
    if value is None or db.vendor != "sqlite":
        return prepare(value, db)
    try:
        return orjson.dumps(value).decode()
    except TypeError:  # whole numbers beyond 64 bits, and what only Django knows
        return prepare(value, db)
