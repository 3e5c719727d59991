"""Pages of a list, by a cursor that stays right while tasks come and go."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import Q
from rest_framework.request import Request

from tasks.models import Task
from tasks.zod import Invalid

DEFAULT_LIMIT = 100


@dataclass(frozen=True)
class Page:
    """Which part of the list to show: `filters` and `limit` for `list_chunks()`."""

    filters: dict[str, Any]
    limit: int | None = None
    next_cursor: str | None = None


def page(query: dict[str, Any]) -> Page:
    """Return the page that `limit` and `cursor` ask for; without them, all there is."""
    names = {"projectId": "project_id", "status": "status"}
    filters = {column: query[name] for name, column in names.items() if name in query}
    if "limit" not in query and "cursor" not in query:
        return Page(filters)
    limit = query.get("limit", DEFAULT_LIMIT)
    tasks = Task.objects.filter(**filters)
    if "cursor" in query:
        priority, last_id = _parse(query["cursor"])
        tasks = tasks.filter(
            Q(priority__gt=priority) | Q(priority=priority, id__lt=last_id)
        )
        filters |= {"after_priority": priority, "after_id": last_id}
    last_two = list(tasks.values_list("priority", "id")[limit - 1 : limit + 1])
    next_cursor = "{}.{}".format(*last_two[0]) if len(last_two) == 2 else None
    return Page(filters, limit, next_cursor)


def _parse(cursor: str) -> tuple[int, UUID]:
    try:
        priority, last_id = cursor.split(".")
        return int(priority), UUID(last_id)
    except ValueError:
        raise Invalid.field(
            "cursor", "Invalid cursor: use one from a Link header"
        ) from None


def link(request: Request, cursor: str) -> str:
    query = request.query_params.copy()
    query["cursor"] = cursor
    return (
        f'<{request.build_absolute_uri(request.path)}?{query.urlencode()}>; rel="next"'
    )
