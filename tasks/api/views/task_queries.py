"""Which tasks the query of a list asks for."""

from typing import Any
from uuid import UUID

from tasks.api.representation.task_filters import TaskFilters
from tasks.api.views.task_bodies import read_uuid

JSON = dict[str, Any]

# What the list may be filtered by -> the field of TaskFilters.
_FILTERS = {
    "projectId": "project_id",
    "runtime": "runtime",
    "profile": "profile",
    "search": "search",
    "createdFrom": "created_from",
    "createdUntil": "created_until",
    "updatedFrom": "updated_from",
    "updatedUntil": "updated_until",
}
NOTHING = UUID(int=0)  # what is no id becomes one that nothing has


def read_filters(query: JSON) -> TaskFilters:
    """Return which tasks a checked query asks for."""
    found = {field: query[name] for name, field in _FILTERS.items() if name in query}
    if "scheduleId" in query:
        found["schedule_id"] = read_uuid(query["scheduleId"]) or NOTHING
    status: str | list[str] = query.get("status", [])
    return TaskFilters(
        statuses=(status,) if isinstance(status, str) else tuple(status),
        tags=tuple(query.get("tags", ())),
        **found,
    )
