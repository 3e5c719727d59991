"""Pages of a list, by a cursor that stays right while rows come and go."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import orjson
from django.db.models import Q, QuerySet
from django.http import HttpResponse
from rest_framework.request import Request

from ledger.models import Scope
from tasks.api.whole_lists import FIRST, KEYS_AT_ONCE, AnyResponse, WholeList, array
from tasks.api.zod import Invalid
from tasks.models.project import is_name_in_url

DEFAULT_LIMIT = 100
JSON = dict[str, Any]
Place = tuple[Any, Any]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Order:
    """Two columns that a list is sorted by, and a cursor for a row's place in it.

    Together they are unique. A dash before a name means downwards.
    """

    columns: tuple[str, str]
    cursor: Callable[[Any], str]
    read: Callable[[str], Place]  # or ValueError

    def after(self, place: Place) -> tuple[Q, Q]:
        """Match what comes after `place`: the rest of its group, then the groups that follow.

        Each part is one range of an index. As one condition with OR, PostgreSQL reads the
        index from its start, and the cost of a page grows with its depth.
        """
        (first, beyond), (last, past) = map(_comparison, self.columns)
        rest = Q(**{first: place[0], f"{last}__{past}": place[1]})
        return rest, Q(**{f"{first}__{beyond}": place[0]})

    def rows_after(self, rows: QuerySet[Any], place: Place, count: int) -> list[Any]:
        """Return the `count` rows that follow `place`, in one or two queries."""
        rest, beyond = self.after(place)
        found = list(rows.filter(rest)[:count])
        if len(found) < count:
            found += rows.filter(beyond)[: count - len(found)]
        return found

    def place(self, cursor: str) -> Place:
        try:
            return self.read(cursor)
        except ValueError:
            message = "Invalid cursor: use one from a Link header"
            raise Invalid.field("cursor", message) from None


def _comparison(column: str) -> tuple[str, str]:
    return (column[1:], "lt") if column.startswith("-") else (column, "gt")


def _read_urgency(cursor: str) -> Place:
    priority, _, last_id = cursor.partition(".")
    if priority not in {"0", "1", "2", "3"}:
        raise ValueError(priority)
    return int(priority), UUID(last_id)


def _read_time(cursor: str) -> Place:
    microseconds, _, last_id = cursor.partition(".")
    # 16 digits are enough until the year 2286; with more, dates come to an end.
    is_time = microseconds.isascii() and microseconds.isdigit()
    if not is_time or len(microseconds) > 16 or not is_name_in_url(last_id):
        raise ValueError(cursor)
    return _EPOCH + timedelta(microseconds=int(microseconds)), last_id


def _read_time_and_uuid(cursor: str) -> Place:
    created_at, last_id = _read_time(cursor)
    return created_at, UUID(last_id)


def _read_time_and_key(cursor: str) -> Place:
    created_at, last_id = _read_time(cursor)
    if not (last_id.isascii() and last_id.isdigit() and len(last_id) < 16):
        raise ValueError(cursor)
    return created_at, int(last_id)


def _time_cursor(row: Any) -> str:
    return f"{(row.created_at - _EPOCH) // timedelta(microseconds=1)}.{row.pk}"


def _read_name(cursor: str) -> Place:
    last_id, slash, name = cursor.partition("/")  # which an id cannot contain
    if not slash or not is_name_in_url(last_id):
        raise ValueError(cursor)
    return name, last_id


def _read_scope(cursor: str) -> Place:
    scope, _, last_id = cursor.partition(".")
    is_key = last_id.isascii() and last_id.isdigit() and len(last_id) < 16
    if scope not in Scope.values or not is_key:
        raise ValueError(cursor)
    return scope, int(last_id)


def _urgency_cursor(row: tuple[str, int, Any]) -> str:
    _, priority, task_id = row
    return f"{priority}.{task_id}"


MOST_URGENT = Order(("priority", "-id"), _urgency_cursor, _read_urgency)
NEWEST = Order(("-created_at", "-id"), _time_cursor, _read_time)
NEWEST_UUID = Order(("-created_at", "-id"), _time_cursor, _read_time_and_uuid)
NEWEST_KEY = Order(("-created_at", "-id"), _time_cursor, _read_time_and_key)
BY_SCOPE = Order(("scope", "id"), lambda row: f"{row.scope}.{row.pk}", _read_scope)
BY_NAME = Order(("name", "id"), lambda row: f"{row.pk}/{row.name}", _read_name)


def _read_sequence(cursor: str) -> Place:
    number, _, last_id = cursor.partition(".")
    if not (number.isascii() and number.isdigit() and len(number) < 10):
        raise ValueError(cursor)
    return int(number), UUID(last_id)


# Unique in a task, whose rows alone are listed.
BY_SEQUENCE = Order(
    ("sequence", "id"), lambda row: f"{row.sequence}.{row.pk}", _read_sequence
)


def read_limit(query: JSON) -> int | None:
    """Return how many rows a page has; None is all there are."""
    is_paged = "limit" in query or "cursor" in query
    return int(query.get("limit", DEFAULT_LIMIT)) if is_paged else None


def respond(
    request: Request,
    query: JSON,
    rows: QuerySet[Any],
    order: Order,
    show: Callable[[Any], JSON],
) -> AnyResponse:
    """Answer the page that `query` asks for, or all rows if it asks for none."""
    rows = rows.order_by(*order.columns)
    limit = read_limit(query)

    def text(row: Any) -> str:
        return orjson.dumps(show(row)).decode()

    if limit is None:
        return whole(rows, show)
    if "cursor" in query:
        found = order.rows_after(rows, order.place(query["cursor"]), limit + 1)
    else:
        found = list(rows[: limit + 1])
    return page(request, order, found, limit, text)


def whole(rows: QuerySet[Any], show: Callable[[Any], JSON]) -> AnyResponse:
    """Answer all rows, in their order."""

    def text(row: Any) -> str:
        return orjson.dumps(show(row)).decode()

    def represent_by_key(some: Iterable[Any]) -> dict[str, str]:
        return {str(row.pk): text(row) for row in some}

    return WholeList(
        first=lambda: list(map(text, rows[: FIRST + 1])),
        keys=lambda: map(str, rows.values_list("pk", flat=True).iterator(KEYS_AT_ONCE)),
        rows=lambda keys: represent_by_key(rows.filter(pk__in=keys).order_by()),
    ).respond()


def page(
    request: Request,
    order: Order,
    rows: list[Any],
    limit: int,
    text: Callable[[Any], str],
) -> AnyResponse:
    """Answer `limit` of the rows, of which there is one more if there is a next page."""
    response = HttpResponse(
        array(map(text, rows[:limit])), content_type="application/json"
    )
    if len(rows) > limit:
        response["Link"] = link(request, order.cursor(rows[limit - 1]))
    return response


def link(request: Request, cursor: str) -> str:
    query = request.query_params.copy()
    query["cursor"] = cursor
    return (
        f'<{request.build_absolute_uri(request.path)}?{query.urlencode()}>; rel="next"'
    )
