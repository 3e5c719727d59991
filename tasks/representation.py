"""A task as the API shows it."""

from collections.abc import Iterator
from typing import Any
from uuid import UUID

import orjson
from django.db.models import F, Max, Min, TextField, Value
from django.db.models.functions import NullIf

from ledger.models import LedgerEntry
from tasks.models import PermissionRequest, Run, Status, Task
from tasks.models.log import to_text
from tasks.models.task import TaskQuerySet
from tasks.sql import IsoText, UuidText

JSON = dict[str, Any]
CHUNK = 1_000


def _empty_is_null(name: str) -> NullIf:
    return NullIf(F(name), Value(""), output_field=TextField())


_LIST_COLUMNS = {
    "id": UuidText("id"),
    "title": F("title"),
    "description": _empty_is_null("description"),
    "projectId": F("project_id"),
    "status": F("status"),
    "priority": F("priority"),
    "assignedAgent": _empty_is_null("assigned_agent"),
    "agentProfile": _empty_is_null("agent_profile"),
    "createdAt": IsoText("created_at"),
    "updatedAt": IsoText("updated_at"),
}
_DETAIL_COLUMNS = {
    **_LIST_COLUMNS,
    "result": _empty_is_null("result"),
    "resumeCount": F("resume_count"),
    "maxTurns": F("max_turns"),
    "maxBudgetUsd": F("max_budget_microdollars"),
    "projectName": F("project__name"),
    "workflowName": F("workflow__name"),
    "scheduleName": F("schedule__name"),
}


def _columns(columns: dict[str, Any]) -> dict[str, Any]:
    # An annotation may not bear a field's name.
    return {f"api_{name}": expression for name, expression in columns.items()}


def list_chunks(tasks: TaskQuerySet) -> Iterator[bytes]:
    """Yield the JSON array of `tasks` in pieces, so that any number takes little memory."""
    columns = _columns(_LIST_COLUMNS)
    rows = tasks.annotate(**columns).values_list(*columns)
    names = tuple(_LIST_COLUMNS)
    opening = b"["
    part: list[JSON] = []
    for row in rows.iterator(chunk_size=CHUNK):
        part.append(dict(zip(names, row, strict=True)))
        if len(part) == CHUNK:
            yield opening + orjson.dumps(part)[1:-1]
            opening, part = b",", []
    if part:
        yield opening + orjson.dumps(part)[1:-1] + b"]"
    else:
        yield b"[]" if opening == b"[" else b"]"


def of_new(task: Task) -> JSON:
    """Return a task that has just been created, as a list shows it, without a query."""
    return {
        "id": str(task.pk),
        "title": task.title,
        "description": task.description or None,
        "projectId": task.project_id,
        "status": task.status,
        "priority": task.priority,
        "assignedAgent": task.assigned_agent or None,
        "agentProfile": task.agent_profile or None,
        "createdAt": to_text(task.created_at),
        "updatedAt": to_text(task.updated_at),
    }


def of(task_id: UUID) -> JSON | None:
    """Return a task with all its fields, or None if it is not there."""
    columns = _columns(_DETAIL_COLUMNS)
    row = (
        Task.objects.filter(pk=task_id)
        .annotate(**columns)
        .values_list(*columns)
        .first()
    )
    if row is None:
        return None
    task = dict(zip(_DETAIL_COLUMNS, row, strict=True))
    if task["maxBudgetUsd"] is not None:
        task["maxBudgetUsd"] /= 1_000_000
    task["waitingFor"] = (
        _waiting_for(task_id) if task["status"] == Status.RUNNING else None
    )
    if usage := _usage(task_id):
        task["usage"] = usage
    return task


def _waiting_for(task_id: UUID) -> JSON | None:
    pending = (
        PermissionRequest.objects.pending()
        .filter(task_id=task_id)
        .order_by("created_at")
    )
    request = pending.values_list("id", "tool_name", "created_at").first()
    if request is None:
        return None
    return {
        "notificationId": request[0],
        "toolName": request[1],
        "since": to_text(request[2]),
    }


def _usage(task_id: UUID) -> JSON | None:
    totals = LedgerEntry.objects.for_task(task_id).totals()
    if not totals.requests:
        return None
    times = Run.objects.filter(task_id=task_id).aggregate(
        started=Min("started_at"), finished=Max("finished_at")
    )
    usage = {
        "inputTokens": totals.input_tokens,
        "outputTokens": totals.output_tokens,
        "totalTokens": totals.input_tokens + totals.output_tokens,
        "costMicros": totals.cost_microdollars,
        "modelId": totals.last_model,
        "startedAt": to_text(times["started"]) if times["started"] else None,
        "finishedAt": to_text(times["finished"]) if times["finished"] else None,
    }
    if totals.unpriced_requests:
        usage["unpricedRequests"] = totals.unpriced_requests
    return usage
