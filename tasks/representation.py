"""A task as the API shows it. The queries are compiled once: these are the hottest paths."""

from collections.abc import Iterator
from functools import lru_cache
from typing import Any
from uuid import UUID

from django.db.models import (
    Case,
    Exists,
    F,
    Max,
    Min,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    Sum,
    Value,
    When,
)

from ledger.models import LedgerEntry
from ledger.prepared import Prepared, Row
from tasks import paging
from tasks.models import PermissionRequest, Run, Status, Task
from tasks.models.log import to_text
from tasks.sql import IsoText

JSON = dict[str, Any]

# What `_listed()` takes apart.
_LIST_COLUMNS = (
    "id",
    "title",
    "description",
    "project_id",
    "status",
    "priority",
    "assigned_agent",
    "agent_profile",
    IsoText("created_at"),
    IsoText("updated_at"),
)
_ENTRIES = LedgerEntry.objects.filter(task_id=OuterRef("pk"))
_RUNS = Run.objects.filter(task_id=OuterRef("pk")).order_by()
_WAITING = PermissionRequest.objects.pending().filter(task_id=OuterRef("pk"))


def _of_all(rows: QuerySet[Any], aggregate: Any) -> Subquery:
    return Subquery(
        rows.order_by().values("task_id").annotate(of_all=aggregate).values("of_all")
    )


_PROMPT = F("input_tokens") + F("cache_read_tokens")
_PROMPT += F("cache_write_tokens") + F("cache_write_1h_tokens")
# A correction takes a request back.
_SIGN = Case(When(corrects=None, then=Value(1)), default=Value(-1))
_USAGE_COLUMNS = {
    "inputTokens": _of_all(_ENTRIES, Sum(_PROMPT)),
    "outputTokens": _of_all(_ENTRIES, Sum("output_tokens")),
    "costMicros": _of_all(_ENTRIES, Sum("cost_microdollars")),
    "modelId": Subquery(
        _ENTRIES.filter(corrects=None).order_by("-pk").values("model")[:1]
    ),
    "startedAt": _of_all(_RUNS, IsoText(Min("started_at"))),
    "finishedAt": _of_all(_RUNS, IsoText(Max("finished_at"))),
    "unpricedRequests": _of_all(_ENTRIES, Sum(_SIGN, filter=Q(cost_microdollars=None))),
}
_WAITING_COLUMNS = {
    "notificationId": Subquery(_WAITING.order_by("created_at").values("pk")[:1]),
    "toolName": Subquery(_WAITING.order_by("created_at").values("tool_name")[:1]),
    "since": Subquery(
        _WAITING.order_by("created_at").values(x=IsoText("created_at"))[:1]
    ),
}
_DETAIL_COLUMNS = {
    "result": F("result"),
    "resumeCount": F("resume_count"),
    "maxTurns": F("max_turns"),
    "maxBudgetUsd": F("max_budget_microdollars"),
    "projectName": F("project__name"),
    "workflowName": F("workflow__name"),
    "scheduleName": F("schedule__name"),
    "hasRun": Exists(_RUNS),
}


@lru_cache(maxsize=64)
def _list_query(filters: frozenset[str], limit: int | None) -> Prepared:
    """Prepare the list for one set of filters: project_id, status, after."""

    def build(**values: Any) -> QuerySet[Any, Any]:
        tasks = Task.objects.all()
        if "after_id" in values:
            place = values["after_priority"], values["after_id"]
            tasks = tasks.filter(paging.MOST_URGENT.behind(place))
        for name in ("project_id", "status"):
            if name in values:
                tasks = tasks.filter(**{name: values[name]})
        return tasks.values_list(*_LIST_COLUMNS)[:limit]

    types = {
        "project_id": str,
        "status": str,
        "after_id": UUID,
        "after_priority": int,
    }
    return Prepared(build, **{name: types[name] for name in sorted(filters)})


def list_rows(limit: int | None, **filters: Any) -> Iterator[JSON]:
    """Yield tasks as the list shows them."""
    return map(
        _listed, _list_query(frozenset(filters), limit).rows(paging.CHUNK, **filters)
    )


def _listed(row: Row) -> JSON:
    # In Python: of 10,000 tasks, 0.01 s less than by expressions in SQL and `zip()`.
    key, title, description, project, status, priority, agent, profile, made, moved = (
        row
    )
    return {
        "id": _dashed(key),
        "title": title,
        "description": description or None,
        "projectId": project,
        "status": status,
        "priority": priority,
        "assignedAgent": agent or None,
        "agentProfile": profile or None,
        "createdAt": made,
        "updatedAt": moved,
    }


def _dashed(key: UUID | str) -> str:
    """Return the id of a task as text; a database without UUIDs has it without dashes."""
    if isinstance(key, UUID):
        return str(key)
    return f"{key[:8]}-{key[8:12]}-{key[12:16]}-{key[16:20]}-{key[20:]}"


def list_chunks(limit: int | None, **filters: Any) -> Iterator[bytes]:
    """Yield the JSON array of tasks in pieces."""
    return paging.chunks(list_rows(limit, **filters))


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


def _of_one(*columns: Any) -> Prepared:
    def build(task_id: UUID) -> QuerySet[Any, Any]:
        return Task.objects.filter(pk=task_id).order_by().values_list(*columns)

    return Prepared(build, task_id=UUID)


_detail_query = _of_one(*_LIST_COLUMNS, *_DETAIL_COLUMNS.values())
_waiting_query = _of_one(*_WAITING_COLUMNS.values())
_usage_query = _of_one(*_USAGE_COLUMNS.values())


def of(task_id: UUID) -> JSON | None:
    """Return a task with all its fields, or None if it is not there.

    One query for a task that never ran, three for one that does.
    """
    row = _detail_query.first(task_id=task_id)
    if row is None:
        return None
    listed, more = row[: len(_LIST_COLUMNS)], row[len(_LIST_COLUMNS) :]
    task = _listed(listed) | dict(zip(_DETAIL_COLUMNS, more, strict=True))
    task["result"] = task["result"] or None
    if task["maxBudgetUsd"] is not None:
        task["maxBudgetUsd"] /= 1_000_000
    task["waitingFor"] = (
        _waiting_for(task_id) if task["status"] == Status.RUNNING else None
    )
    if task.pop("hasRun") and (usage := _usage(task_id)):
        task["usage"] = usage
    return task


def _waiting_for(task_id: UUID) -> JSON | None:
    row = _waiting_query.first(task_id=task_id)
    return dict(zip(_WAITING_COLUMNS, row, strict=True)) if row and row[0] else None


def _usage(task_id: UUID) -> JSON | None:
    row = _usage_query.first(task_id=task_id)
    usage = dict(zip(_USAGE_COLUMNS, row or (), strict=True)) if row else {}
    return _shown_usage(usage) if usage.get("modelId") else None


def _shown_usage(usage: JSON) -> JSON:
    unpriced = usage.pop("unpricedRequests")
    # PostgreSQL sums to a Decimal.
    for name in ("inputTokens", "outputTokens", "costMicros"):
        usage[name] = None if usage[name] is None else int(usage[name])
    total = usage["inputTokens"] + usage["outputTokens"]
    more = {"unpricedRequests": unpriced} if unpriced else {}
    return {**usage, "totalTokens": total, **more}
