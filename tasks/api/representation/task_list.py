"""The list of tasks. The queries are compiled once: these are the hottest paths."""

from collections.abc import Iterable, Iterator
from functools import lru_cache
from heapq import merge
from itertools import islice
from typing import Any
from uuid import UUID

from django.db.models import QuerySet

from stagent.database.compiled import CompiledQuery, Row
from stagent.database.json_text import JsonText
from tasks.api import paging
from tasks.api.representation.task_filters import (
    KEY,
    TaskFilters,
    any_status,
    find_type,
    part,
    to_json,
)
from tasks.api.representation.tasks import LISTED
from tasks.api.whole_lists import FIRST, KEYS_AT_ONCE, WholeList
from tasks.models import Task

JSON = dict[str, Any]
ANY = TaskFilters()
PRIORITIES = range(4)


def page_rows(
    limit: int, filters: TaskFilters = ANY, *, after: paging.Place | None = None
) -> list[Row]:
    """Return `limit` rows of the list, of what follows `after`: a priority and an id.

    A row is JSON text, and the priority and id to go on from.
    """
    keys = filters.keys()
    if keys is not None:
        return _rows_of_few(limit, filters, keys, after)
    rows: list[Row] = []
    for ranges in _ranges(filters, after):
        conditions = filters.conditions() | ranges
        rows += islice(_merge(limit - len(rows), filters, conditions), limit)
        if len(rows) == limit:
            break
    return rows


def whole_list(filters: TaskFilters = ANY) -> WholeList:
    """Return the list of all tasks that the filters let through."""
    few = filters.keys()

    def first() -> list[str]:
        return [text for text, *_ in page_rows(FIRST + 1, filters)]

    def keys() -> Iterable[str]:
        if few is not None:
            return (key for _, key in _order(filters, few, None))
        ordered = filters.matching().order_by(*paging.MOST_URGENT.columns)
        return ordered.values_list(KEY, flat=True).iterator(KEYS_AT_ONCE)

    return WholeList(first, keys, lambda some: _texts(filters, some))


def _ranges(filters: TaskFilters, after: paging.Place | None) -> Iterator[JSON]:
    """Yield the ranges of the order that a page may be in, each one range of an index.

    A page begins in the middle of one priority, and goes on with those that follow. Times
    of creation are ranges of ids, which the index has within one priority.
    """
    if after is None and not filters.has_creation:
        yield {}
        return
    if after:
        priority, last_id = after
        yield {"priority": priority, "below_id": last_id}
    beyond = after[0] if after else -1
    if filters.has_creation:
        yield from ({"priority": one} for one in PRIORITIES if one > beyond)
    else:
        yield {"beyond_priority": beyond}


def _merge(limit: int, filters: TaskFilters, conditions: JSON) -> Iterator[Row]:
    """Yield the rows of all wanted statuses in their order: each status is one range."""
    if not filters.statuses:
        return _select(limit, conditions)
    each = [
        _select(limit, {**conditions, "status": status}) for status in filters.statuses
    ]
    return each[0] if len(each) == 1 else merge(*map(list, each), key=_rank)


def _rank(row: Row) -> tuple[int, int]:
    _, priority, task_id = row
    number = task_id.int if isinstance(task_id, UUID) else int(task_id, 16)
    return priority, -number


def _select(limit: int, conditions: JSON) -> Iterator[Row]:
    return _list_query(frozenset(conditions), limit).rows(**conditions)


@lru_cache(maxsize=256)
def _list_query(names: frozenset[str], limit: int) -> CompiledQuery:
    """Compile the list for one set of conditions."""

    def build(**values: Any) -> QuerySet[Any, Any]:
        tasks = Task.objects.listed().filter(
            *(part(name, value) for name, value in values.items())
        )
        return tasks.values_list(JsonText(**LISTED), "priority", "id")[:limit]

    return CompiledQuery(build, **{name: find_type(name) for name in sorted(names)})


def _rows_of_few(
    limit: int, filters: TaskFilters, keys: Iterable[str], after: paging.Place | None
) -> list[Row]:
    places = _order(filters, keys, after)[:limit]
    texts = _texts(filters, [key for _, key in places])
    return [
        (texts[key], priority, UUID(key)) for priority, key in places if key in texts
    ]


def _order(
    filters: TaskFilters, keys: Iterable[str], after: paging.Place | None
) -> list[tuple[int, str]]:
    """Return priority and key of these tasks, of those that are let through, in their order."""
    tasks = filters.matching().filter(pk__among=to_json(keys)).order_by()
    found = [
        (priority, -UUID(key).int, key)
        for priority, key in tasks.values_list("priority", KEY)
    ]
    last = (after[0], -after[1].int) if after else (-1, 0)
    return [
        (priority, key)
        for priority, rank, key in sorted(found)
        if (priority, rank) > last
    ]


def _texts(filters: TaskFilters, keys: list[str]) -> dict[str, str]:
    """Return the rows of some keys, of those that the filters still let through."""
    values = {**filters.conditions(), "keys": to_json(keys)}
    query = _texts_query(frozenset(values), len(filters.statuses))
    values |= {f"status_{n}": status for n, status in enumerate(filters.statuses)}
    return dict(query.rows(**values))


@lru_cache(maxsize=64)
def _texts_query(names: frozenset[str], statuses: int) -> CompiledQuery:
    wanted = [f"status_{number}" for number in range(statuses)]

    def build(**values: Any) -> QuerySet[Any, Any]:
        conditions = [part(name, values[name]) for name in names]
        if wanted:
            conditions.append(any_status(values[name] for name in wanted))
        some = Task.objects.listed().filter(*conditions).order_by()
        return some.values_list(KEY, JsonText(**LISTED))

    types = {name: find_type(name) for name in sorted(names)}
    return CompiledQuery(build, **types, **dict.fromkeys(wanted, str))
