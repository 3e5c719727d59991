"""Statements that Django compiles once a process, for the paths where that is most of the cost.

Each is written as a queryset, and compiled with a sample in the place of every value:

    _due = Prepared(lambda day: Task.objects.filter(due=day).values_list("pk"), day=datetime)
    _move = PreparedUpdate(
        lambda pk, to: (Task.objects.filter(pk=pk), {"priority": to}), pk=UUID, to=int
    )

Django takes 0.2 to 2 ms to compile one; running what is compiled takes 0.05 ms. Values are
to be of the type that is named: a UUID as text matches nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, Generic, TypeVar
from uuid import UUID

from django.db import DEFAULT_DB_ALIAS, connections
from django.db.models import (
    AutoField,
    CharField,
    Field,
    ForeignKey,
    Model,
    QuerySet,
    TextField,
)
from django.db.models.sql import DeleteQuery, UpdateQuery

M = TypeVar("M", bound=Model)
Row = tuple[Any, ...]
_Value = Callable[[Model, Any], Any]  # of a row and the connection: its parameter

# No two alike, nor like a constant in a query; the integers fit every integer field.
_SAMPLES: dict[type, Callable[[int], Any]] = {
    UUID: lambda n: UUID(int=n),
    int: lambda n: 30_011 + n,
    str: lambda n: f"<sample {n}>",
    datetime: lambda n: datetime(1901, 1, 1 + n, tzinfo=UTC),
    date: lambda n: date(1902, 1, 1 + n),
}


@dataclass(frozen=True)
class _Slot:
    name: str


class _Statement:
    def __init__(self, build: Callable[..., Any], **types: type) -> None:
        self._build = build
        self._samples = {
            name: _sample(kind, number)
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


class PreparedObjects(_Statement, Generic[M]):
    """The SELECT of a queryset of whole objects."""

    _converters: dict[int, Any]

    def __init__(self, build: Callable[..., QuerySet[M, M]], **types: type) -> None:
        super().__init__(build, **types)

    def all(self, **values: Any) -> list[M]:
        connection = connections[DEFAULT_DB_ALIAS]
        with connection.cursor() as cursor:
            cursor.execute(*self._bound(values))
            rows = [list(row) for row in cursor.fetchall()]
        for row in rows:
            for place, (converters, column) in self._converters.items():
                for convert in converters:
                    row[place] = convert(row[place], column, connection)
        return [self._model.from_db(DEFAULT_DB_ALIAS, self._names, row) for row in rows]

    def first(self, **values: Any) -> M | None:
        return next(iter(self.all(**values)), None)

    def refresh(self, stale: M, **values: Any) -> None:
        """Do as `stale.refresh_from_db()` does."""
        fresh = self.first(**values)
        if fresh is None:
            model: Any = self._model
            raise model.DoesNotExist(f"The {model._meta.verbose_name} is gone.")
        for name in self._names:
            setattr(stale, name, getattr(fresh, name))

    def _query(self, samples: Mapping[str, Any]) -> Any:
        objects = self._build(**samples)
        self._model: type[M] = objects.model
        self._names = [field.attname for field in self._model._meta.concrete_fields]
        compiler = objects.query.get_compiler(DEFAULT_DB_ALIAS)
        compiler.setup_query()
        columns = [column for column, _, _ in compiler.select]
        self._converters = compiler.get_converters(columns)
        return objects.query


class PreparedUpdate(_Statement):
    """The UPDATE of a queryset by a dict of changes."""

    def __call__(self, **values: Any) -> int:
        """Return how many rows were changed."""
        with connections[DEFAULT_DB_ALIAS].cursor() as cursor:
            cursor.execute(*self._bound(values))
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
                    cursor.execute(self._select(name, connection), [_adapted(key)])
            row = cursor.fetchone()
        return row and row[0]

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


class PreparedDelete(_Statement):
    """The DELETE of a queryset's rows that nothing refers to."""

    def __call__(self, **values: Any) -> int:
        """Return how many rows are gone."""
        with connections[DEFAULT_DB_ALIAS].cursor() as cursor:
            cursor.execute(*self._bound(values))
            return int(cursor.rowcount)

    def _query(self, samples: Mapping[str, Any]) -> Any:
        return self._build(**samples).query.chain(DeleteQuery)


class PreparedInsert:
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

    def __call__(self, *rows: Model) -> None:
        connection = connections[DEFAULT_DB_ALIAS]  # not the proxy: it is asked often
        size = 1
        if len(rows) > 1:
            size = connection.ops.bulk_batch_size(self._fields, rows)
        with connection.cursor() as cursor:
            for start in range(0, len(rows), size):
                cursor.execute(*self._bound(rows[start : start + size], connection))
        for row in rows:
            row._state.adding, row._state.db = False, connection.alias

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
        values = [_value_of(field) for field in self._fields]
        self._compiled = insert, f"({places})", self._replace(names, quote), values
        return self._compiled

    def _replace(self, names: Sequence[str], quote: Callable[[str], str]) -> str:
        if not self._replacing:
            return ""
        changes = ", ".join(f"{name} = excluded.{name}" for name in names)
        return f" ON CONFLICT ({quote(self._replacing)}) DO UPDATE SET {changes}"


def _value_of(field: Field[Any, Any]) -> _Value:
    """Return what reads a row's value of `field` as its database takes it."""
    name, prepare = field.attname, field.get_db_prep_save
    holder = field.target_field if isinstance(field, ForeignKey) else field
    if type(field).pre_save is not Field.pre_save:
        return lambda row, db: prepare(field.pre_save(row, add=True), db)
    if isinstance(holder, CharField | TextField):
        return lambda row, db: getattr(row, name)  # text is text everywhere

    def value(row: Model, db: Any) -> Any:
        # Django would take a while to find that nothing is nothing.
        return None if (own := getattr(row, name)) is None else prepare(own, db)

    return value


def _sample(kind: type, number: int) -> Any:
    return next(_SAMPLES[base] for base in kind.__mro__ if base in _SAMPLES)(number)


def _adapted(value: Any) -> Any:
    connection = connections[DEFAULT_DB_ALIAS]
    match value:
        case UUID() if not connection.features.has_native_uuid_field:
            return value.hex
        case datetime():
            return connection.ops.adapt_datetimefield_value(value)
        case date():
            return connection.ops.adapt_datefield_value(value)
    return value
