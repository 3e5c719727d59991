"""Statements on rows that are there: SELECT, UPDATE and DELETE."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, Generic, TypeVar
from uuid import UUID

from django.db import DEFAULT_DB_ALIAS, connections
from django.db.models import Model, QuerySet
from django.db.models.sql import DeleteQuery, UpdateQuery

from stagent.database.compiled.insert import Statement, join

M = TypeVar("M", bound=Model)
Row = tuple[Any, ...]

# No two alike, nor like a constant in a query; the integers fit every integer field.
_SAMPLES: dict[type, Callable[[int], Any]] = {
    UUID: lambda n: UUID(int=n),
    int: lambda n: 30_011 + n,
    float: lambda n: 30_011.5 + n,
    str: lambda n: f"<sample {n}>",
    datetime: lambda n: datetime(1901, 1, 1 + n, tzinfo=UTC),
    date: lambda n: date(1902, 1, 1 + n),
}


@dataclass(frozen=True)
class _Slot:
    name: str


class _Statement(ABC):
    def __init__(self, build: Callable[..., Any], **types: type) -> None:
        self._build = build
        self._samples = {
            name: _sample(kind, number)
            for number, (name, kind) in enumerate(types.items())
        }
        self._compiled: tuple[str, list[Any]] | None = None

    @abstractmethod
    def _query(self, samples: Mapping[str, Any]) -> Any:
        """Return the query that `build` describes, with a sample in the place of each value."""

    def _bound(self, values: Mapping[str, Any]) -> tuple[str, list[Any]]:
        sql, places = self._compiled or self._compile()
        parameters = [
            _adapt(values[place.name]) if isinstance(place, _Slot) else place
            for place in places
        ]
        return sql, parameters

    def _compile(self) -> tuple[str, list[Any]]:
        sql, parameters = self._query(self._samples).sql_with_params()
        slots = {_adapt(sample): _Slot(name) for name, sample in self._samples.items()}
        places = [slots.get(value, value) for value in parameters]
        unused = self._samples.keys() - {
            place.name for place in places if isinstance(place, _Slot)
        }
        if unused:
            # The statement would run with what stands for them, for ever and in silence.
            raise ValueError(
                f"No parameter of the statement is {', '.join(unused)}: {sql}"
            )
        # Two threads may both compile: they find the same.
        self._compiled = sql, places
        return self._compiled


class CompiledQuery(_Statement):
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


class _Columns:
    """The columns of a model's rows: their names, and what makes Python's values of them."""

    def __init__(self, objects: QuerySet[Any, Any]) -> None:
        fields = objects.model._meta.concrete_fields
        self.names = [field.attname for field in fields]
        self.sql = ", ".join(
            connections[DEFAULT_DB_ALIAS].ops.quote_name(field.column)
            for field in fields
        )
        compiler = objects.query.get_compiler(DEFAULT_DB_ALIAS)
        compiler.setup_query()
        selected = [column for column, _, _ in compiler.select]
        self._converters = compiler.get_converters(selected)

    def convert(self, row: Row, connection: Any) -> list[Any]:
        values = list(row)
        for place, (converters, column) in self._converters.items():
            for convert in converters:
                values[place] = convert(values[place], column, connection)
        return values


class CompiledObjects(_Statement, Generic[M]):
    """The SELECT of a queryset of whole objects."""

    _columns: _Columns

    def __init__(self, build: Callable[..., QuerySet[M, M]], **types: type) -> None:
        super().__init__(build, **types)

    def all(self, **values: Any) -> list[M]:
        connection = connections[DEFAULT_DB_ALIAS]
        with connection.cursor() as cursor:
            cursor.execute(*self._bound(values))
            rows = [self._columns.convert(row, connection) for row in cursor.fetchall()]
        names = self._columns.names
        return [self._model.from_db(DEFAULT_DB_ALIAS, names, row) for row in rows]

    def first(self, **values: Any) -> M | None:
        return next(iter(self.all(**values)), None)

    def refresh(self, stale: M, **values: Any) -> None:
        """Do as `stale.refresh_from_db()` does."""
        fresh = self.first(**values)
        if fresh is None:
            model: Any = self._model
            raise model.DoesNotExist(f"The {model._meta.verbose_name} is gone.")
        for name in self._columns.names:
            setattr(stale, name, getattr(fresh, name))

    def _query(self, samples: Mapping[str, Any]) -> Any:
        objects = self._build(**samples)
        self._model: type[M] = objects.model
        self._columns = _Columns(objects)
        return objects.query


class CompiledUpdate(_Statement):
    """The UPDATE of a queryset by a dict of changes."""

    _columns: _Columns | None = None

    def __call__(self, *, beside: Sequence[Statement] = (), **values: Any) -> int:
        """Return how many rows were changed.

        What is `beside` is done first; on PostgreSQL it is a part of the same statement.
        """
        connection = connections[DEFAULT_DB_ALIAS]
        with connection.cursor() as cursor:
            for statement in join(connection, self._bound(values), beside):
                cursor.execute(*statement)
            return int(cursor.rowcount)

    def returning(self, column: str, *, key: Any, **values: Any) -> Any:
        """Change the row of this key and return its `column`; None if no row was changed."""
        connection = connections[DEFAULT_DB_ALIAS]
        name = connection.ops.quote_name(column)
        update, parameters = self._bound(values)
        can_return = connection.features.can_return_columns_from_insert
        with connection.cursor() as cursor:
            if can_return:
                cursor.execute(f"{update} RETURNING {name}", parameters)
            else:  # SQLite before 3.35
                cursor.execute(update, parameters)
                if cursor.rowcount:
                    cursor.execute(self._select(name, connection), [_adapt(key)])
            row = cursor.fetchone()
        return row and row[0]

    def refresh(self, stale: Model, **values: Any) -> bool:
        """Change the row of `stale` and show it as it is then; tell whether it was changed."""
        connection = connections[DEFAULT_DB_ALIAS]
        update, parameters = self._bound(values)
        with connection.cursor() as cursor:
            if not connection.features.can_return_columns_from_insert:  # as above
                cursor.execute(update, parameters)
                if is_changed := bool(cursor.rowcount):
                    stale.refresh_from_db()
                return is_changed
            # No model's columns change while a process runs.
            columns = self._columns = self._columns or self._find_columns()
            cursor.execute(f"{update} RETURNING {columns.sql}", parameters)
            row = cursor.fetchone()
        if row is None:
            return False
        fresh = zip(columns.names, columns.convert(row, connection), strict=True)
        for name, value in fresh:
            setattr(stale, name, value)
        return True

    def _find_columns(self) -> _Columns:
        return _Columns(self._build(**self._samples)[0].order_by())

    def _select(self, name: str, connection: Any) -> str:
        meta = self._build(**self._samples)[0].model._meta
        table, key = map(connection.ops.quote_name, (meta.db_table, meta.pk.column))
        return f"SELECT {name} FROM {table} WHERE {key} = %s"  # noqa: S608  all ours

    def _query(self, samples: Mapping[str, Any]) -> Any:
        rows: QuerySet[Any, Any]
        rows, changes = self._build(**samples)
        query: Any = rows.query.chain(UpdateQuery)
        query.add_update_values(changes)
        return query


class CompiledDelete(_Statement):
    """The DELETE of a queryset's rows that nothing refers to."""

    def __call__(self, **values: Any) -> int:
        """Return how many rows are gone."""
        with connections[DEFAULT_DB_ALIAS].cursor() as cursor:
            cursor.execute(*self._bound(values))
            return int(cursor.rowcount)

    def _query(self, samples: Mapping[str, Any]) -> Any:
        return self._build(**samples).query.chain(DeleteQuery)


def _sample(kind: type, number: int) -> Any:
    return next(_SAMPLES[base] for base in kind.__mro__ if base in _SAMPLES)(number)


def _adapt(value: Any) -> Any:
    connection = connections[DEFAULT_DB_ALIAS]
    match value:
        case UUID() if not connection.features.has_native_uuid_field:
            return value.hex
        case datetime():
            return connection.ops.adapt_datetimefield_value(value)
        case date():
            return connection.ops.adapt_datefield_value(value)
    return value
