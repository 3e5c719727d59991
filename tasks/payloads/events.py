"""The `data` of events, and the whole of one, as the stream and webhooks send it."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from tasks.payloads.log_entries import NOTIFICATION_ID, TOOL_NAME

JSON = dict[str, Any]
Data = Mapping[str, Any]

# Of a log entry's data, what others hear: no input of a tool, which may be long.
_OF_AN_ENTRY = ("status", NOTIFICATION_ID, TOOL_NAME, "action", "behavior")


def select_announced(entry_data: Data) -> JSON:
    """Return what an event says of the data of the log entry that announces it."""
    return {name: entry_data[name] for name in _OF_AN_ENTRY if name in entry_data}


def make_budget_data(
    budget_id: int, *, limit_usd: str, spent_usd: str, caused_by: UUID
) -> JSON:
    """Return the data of a note on a budget. `caused_by`: the task whose request it was."""
    return {
        "budgetId": str(budget_id),
        "limitUsd": limit_usd,
        "spentUsd": spent_usd,
        "causedByTaskId": str(caused_by),
    }


def make_schedule_data(schedule_id: UUID) -> JSON:
    return {"scheduleId": str(schedule_id)}


def read_budget_id(data: Data) -> str:
    return str(data.get("budgetId") or "")


def read_schedule_id(data: Data) -> str:
    return str(data.get("scheduleId") or "")


def make_content(
    *,
    uid: UUID,
    sequence: int | None,
    type: str,
    timestamp: str,
    task_id: UUID | None,
    project_id: str,
    title: str,
    message: str,
    data: Data,
) -> JSON:
    """Return a whole event, as the stream sends it, and a webhook as its `data`."""
    return {
        "id": str(uid),
        "sequence": sequence,
        "type": type,
        "timestamp": timestamp,
        "taskId": str(task_id) if task_id else None,
        "projectId": project_id or None,
        "title": title,
        "message": message,
        **data,
    }
