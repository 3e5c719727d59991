"""Pages of a list, by a cursor that stays right while tasks come and go."""

from typing import Any
from uuid import UUID

from rest_framework.request import Request

from tasks.zod import Invalid

DEFAULT_LIMIT = 100
JSON = dict[str, Any]


def filters_of(query: JSON) -> JSON:
    """Return what `representation.list_chunks()` and `list_rows()` take of a query."""
    names = {"projectId": "project_id", "status": "status"}
    filters = {column: query[name] for name, column in names.items() if name in query}
    if "cursor" in query:
        priority, last_id = _parse(query["cursor"])
        filters |= {"after_priority": priority, "after_id": last_id}
    return filters


def limit_of(query: JSON) -> int | None:
    """Return how many tasks a page has; None is all there are."""
    is_paged = "limit" in query or "cursor" in query
    return int(query.get("limit", DEFAULT_LIMIT)) if is_paged else None


def cut(rows: list[JSON], limit: int) -> tuple[list[JSON], str | None]:
    """Cut off what was read beyond the page; return the cursor of the next one if any."""
    if len(rows) <= limit:
        return rows, None
    last = rows[limit - 1]
    return rows[:limit], f"{last['priority']}.{last['id']}"


def _parse(cursor: str) -> tuple[int, UUID]:
    priority, _, last_id = cursor.partition(".")
    try:
        if priority not in {"0", "1", "2", "3"}:
            raise ValueError(priority)
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
