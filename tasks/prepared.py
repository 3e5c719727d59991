"""A query that Django compiles once a process, for the paths where that is most of the cost."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import QuerySet

Row = tuple[Any, ...]


@dataclass(frozen=True)
class _Slot:
    name: str


class Prepared:
    """The SQL of a `values_list()` queryset, with places for values.

    `build` makes the queryset from sample values, one for each name, which stand in its
    parameters until `rows()` puts the real ones in their place. So no two samples may be
    equal, nor equal to a constant in the query. Nothing is converted that comes back: the
    queryset's columns must be such that the database's own values will do.
    """

    def __init__(
        self, build: Callable[..., QuerySet[Any, Any]], samples: Mapping[str, Any]
    ) -> None:
        self._build = build
        self._samples = samples
        self._compiled: tuple[str, list[Any]] | None = None

    def rows(self, size: int = 1_000, **values: Any) -> Iterator[Row]:
        """Run the query and yield its rows, fetching `size` at a time."""
        sql, places = self._compiled or self._compile()
        parameters = [
            _adapted(values[place.name]) if isinstance(place, _Slot) else place
            for place in places
        ]
        with connection.cursor() as cursor:
            cursor.execute(sql, parameters)
            while rows := cursor.fetchmany(size):
                yield from rows

    def first(self, **values: Any) -> Row | None:
        return next(self.rows(1, **values), None)

    def _compile(self) -> tuple[str, list[Any]]:
        sql, parameters = self._build(**self._samples).query.sql_with_params()
        slots = {
            _adapted(sample): _Slot(name) for name, sample in self._samples.items()
        }
        places = [slots.get(value, value) for value in parameters]
        # Two threads may both compile: they find the same.
        self._compiled = sql, places
        return self._compiled


def _adapted(value: Any) -> Any:
    if isinstance(value, UUID) and not connection.features.has_native_uuid_field:
        return value.hex
    return value
