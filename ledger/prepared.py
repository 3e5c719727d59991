"""Statements that Django compiles once a process, for the paths where that is most of the cost.

Each is written as a queryset, and compiled with a sample in the place of every value:

    _due = Prepared(lambda day: Task.objects.filter(due=day).values_list("pk"), day=datetime)
    _move = PreparedUpdate(
        lambda pk, to: (Task.objects.filter(pk=pk), {"priority": to}), pk=UUID, to=int
    )

A SELECT by primary key takes TODO.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.db import DEFAULT_DB_ALIAS, connections
from django.db.models import AutoField, Field, Model, QuerySet
from django.db.models.sql import UpdateQuery

Row = tuple[Any, ...]

# No two alike, nor like a constant in a query; the integers fit every integer field.
_SAMPLES: dict[type, Callable[[int], Any]] = {
    UUID: lambda n: UUID(int=n),
    int: lambda n: 30_011 + n,
    str: lambda n: f"<sample {n}>",
    datetime: lambda n: datetime(1901, 1, 1 + n, tzinfo=UTC),
}


@dataclass(frozen=True)
class _Slot:
    name: str


class _Statement:
    def __init__(self, build: Callable[..., Any], **types: type) -> None:
        self._build = build
        self._samples = {
            name: _SAMPLES[kind](number)
            for number, (name, kind) in enumerate(types.items())
        }
        self._compiled: tuple[str, list[Any]] | None = None

    def _query(self, samples: Mapping[str, Any]) -> Any:
        raise NotImplementedError

    def _bound(self, values: Mapping[str, Any]) -> tuple[str, list[Any]]:
        sql, places = self._compiled or self._compile()
        parameters = [
            _adapted(values[place.name]) if isinstance(place, _Slot) else place
            for place in places
        ]
        return sql, parameters

    def _compile(self) -> tuple[str, list[Any]]:
        sql, parameters = self._query(self._samples).sql_with_params()
        slots = {
            _adapted(sample): _Slot(name) for name, sample in self._samples.items()
        }
        places = [slots.get(value, value) for value in parameters]
        # Two threads may both compile: they find the same.
        self._compiled = sql, places
        return self._compiled


class Prepared(_Statement):
    """The SELECT of a `values_list()` queryset.

    Nothing is converted that comes back: its columns must be such that the database's own
    values will do.
    """

    def rows(self, size: int = 1_000, **values: Any) -> Iterator[Row]:
        """Run the query and yield its rows, fetching `size` at a time."""
        with connections[DEFAULT_DB_ALIAS].cursor() as cursor:
            cursor.execute(*self._bound(values))
            while rows := cursor.fetchmany(size):
                yield from rows

    def first(self, **values: Any) -> Row | None:
        with connections[DEFAULT_DB_ALIAS].cursor() as cursor:
            cursor.execute(*self._bound(values))
            row: Row | None = cursor.fetchone()
            return row

    def _query(self, samples: Mapping[str, Any]) -> Any:
        return self._build(**samples).query


class PreparedUpdate(_Statement):
    """The UPDATE of a queryset by a dict of changes."""

    def __call__(self, **values: Any) -> int:
        """Return how many rows were changed."""
        with connections[DEFAULT_DB_ALIAS].cursor() as cursor:
            cursor.execute(*self._bound(values))
            return int(cursor.rowcount)

    def _query(self, samples: Mapping[str, Any]) -> Any:
        rows: QuerySet[Any, Any]
        rows, changes = self._build(**samples)
        query: Any = rows.query.chain(UpdateQuery)
        query.add_update_values(changes)
        return query


class PreparedInsert:
    """The INSERT of a model's rows, as `save(force_insert=True)` would without its signals.

    The rows do not learn the keys that the database gives them.
    """

    def __init__(self, model: type[Model]) -> None:
        self._model = model
        # Without the key that the database gives.
        self._fields: list[Field[Any, Any]] = [
            field
            for field in model._meta.local_concrete_fields
            if not isinstance(field, AutoField)
        ]
        self._compiled: tuple[str, str] | None = None

    def __call__(self, *rows: Model) -> None:
        """Insert `rows`, at least one, in one statement."""
        connection = connections[DEFAULT_DB_ALIAS]  # not the proxy: it is asked often
        insert, places = self._compiled or self._compile(connection)
        parameters = [
            field.get_db_prep_save(field.pre_save(row, add=True), connection)
            for row in rows
            for field in self._fields
        ]
        with connection.cursor() as cursor:
            cursor.execute(insert + ", ".join([places] * len(rows)), parameters)
        for row in rows:
            row._state.adding, row._state.db = False, connection.alias

    def _compile(self, connection: Any) -> tuple[str, str]:
        quote = connection.ops.quote_name
        columns = ", ".join(quote(field.column) for field in self._fields)
        places = ", ".join("%s" for _ in self._fields)
        table = quote(self._model._meta.db_table)
        insert = f"INSERT INTO {table} ({columns}) VALUES "  # noqa: S608  all ours
        self._compiled = insert, f"({places})"
        return self._compiled


def _adapted(value: Any) -> Any:
    connection = connections[DEFAULT_DB_ALIAS]
    match value:
        case UUID() if not connection.features.has_native_uuid_field:
            return value.hex
        case datetime():
            return connection.ops.adapt_datetimefield_value(value)
    return value
