"""A task as the API shows it. The queries are compiled once: these are the hottest paths."""

from typing import Any
from uuid import UUID

import orjson
from django.db.models import (
    BooleanField,
    Case,
    Exists,
    ExpressionWrapper,
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
from django.db.models.functions import NullIf

from ledger.models import LedgerEntry
from stagent.database.compiled import CompiledQuery, Row
from stagent.database.json_text import IsoText, JsonOf, JsonText, UuidText, iso_text
from tasks.models import PermissionRequest, Run, Task

JSON = dict[str, Any]

# The database writes the JSON: of 1,000 tasks, a tenth of the time less than to do it here.
LISTED = {
    "id": UuidText("id"),
    "title": "title",
    "description": NullIf("description", Value("")),
    "projectId": "project_id",
    "status": "status",
    "priority": "priority",
    "assignedAgent": NullIf("assigned_agent", Value("")),
    "agentProfile": NullIf("agent_profile", Value("")),
    "createdAt": IsoText("created_at"),
    "updatedAt": IsoText("updated_at"),
    "tags": JsonOf("tags"),
}
_ENTRIES = LedgerEntry.objects.filter(task_id=OuterRef("pk"))
_RUNS = Run.objects.filter(task_id=OuterRef("pk")).order_by()
_WAITING = PermissionRequest.objects.pending().filter(task_id=OuterRef("pk"))


def _aggregate(rows: QuerySet[Any], aggregate: Any) -> Subquery:
    return Subquery(
        rows.order_by().values("task_id").annotate(of_all=aggregate).values("of_all")
    )


_PROMPT = F("input_tokens") + F("cache_read_tokens")
_PROMPT += F("cache_write_tokens") + F("cache_write_1h_tokens")
# A correction takes a request back.
_SIGN = Case(When(corrects=None, then=Value(1)), default=Value(-1))
_USAGE_COLUMNS = {
    "inputTokens": _aggregate(_ENTRIES, Sum(_PROMPT)),
    "outputTokens": _aggregate(_ENTRIES, Sum("output_tokens")),
    "costMicros": _aggregate(_ENTRIES, Sum("cost_microdollars")),
    "modelId": Subquery(
        _ENTRIES.filter(corrects=None).order_by("-pk").values("model")[:1]
    ),
    "startedAt": _aggregate(_RUNS, IsoText(Min("started_at"))),
    "finishedAt": _aggregate(_RUNS, IsoText(Max("finished_at"))),
    "estimatedRequests": _aggregate(_ENTRIES, Sum(_SIGN, filter=Q(is_estimated=True))),
    "unpricedRequests": _aggregate(
        _ENTRIES, Sum(_SIGN, filter=Q(cost_microdollars=None))
    ),
}
# What really ran, last.
_LAST_RUN_COLUMNS = {
    name: Subquery(_RUNS.order_by("-attempt").values(name)[:1])
    for name in ("error", "runtime", "profile")
}
_WAITING_COLUMNS = {
    "notificationId": Subquery(_WAITING.order_by("created_at").values("pk")[:1]),
    "toolName": Subquery(_WAITING.order_by("created_at").values("tool_name")[:1]),
    "since": Subquery(
        _WAITING.order_by("created_at").values(x=IsoText("created_at"))[:1]
    ),
}
_DETAILS = {
    "result": NullIf("result", Value("")),
    "resumeCount": "resume_count",
    "maxTurns": "max_turns",
    "maxBudgetUsd": "max_budget_microdollars",
    "outputSchema": NullIf("output_schema", Value("")),
    "model": NullIf("model", Value("")),
    "effort": NullIf("effort", Value("")),
    "timeoutMinutes": "timeout_minutes",
    "projectName": "project__name",
    "workflowName": "workflow__name",
    "scheduleName": "schedule__name",
    "hasRun": Exists(_RUNS),
    "isStep": ExpressionWrapper(
        Q(workflow_run__isnull=False), output_field=BooleanField()
    ),
}


def represent_new_task(task: Task) -> JSON:
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
        "createdAt": iso_text(task.created_at),
        "updatedAt": iso_text(task.updated_at),
        "tags": orjson.loads(task.tags),
    }


def _compile_for_one(*columns: Any) -> CompiledQuery:
    def build(task_id: UUID) -> QuerySet[Any, Any]:
        return Task.objects.filter(pk=task_id).order_by().values_list(*columns)

    return CompiledQuery(build, task_id=UUID)


_detail_query = _compile_for_one(JsonText(**LISTED, **_DETAILS))
_waiting_query = _compile_for_one(*_WAITING_COLUMNS.values())
_usage_query = _compile_for_one(*_USAGE_COLUMNS.values(), *_LAST_RUN_COLUMNS.values())
_last_run_query = _compile_for_one(*_LAST_RUN_COLUMNS.values())


def represent_task(task_id: UUID) -> JSON | None:
    """Return a task with all its fields, or None if it is not there.

    One query for a task that never ran, three for one that does.
    """
    row = _detail_query.first(task_id=task_id)
    if row is None:
        return None
    task: JSON = orjson.loads(row[0])
    if task["maxBudgetUsd"] is not None:
        task["maxBudgetUsd"] /= 1_000_000
    if task["outputSchema"] is not None:
        task["outputSchema"] = orjson.loads(task["outputSchema"])
    # A step of a workflow waits for its approval as a planned task.
    may_wait = (
        {Task.Status.RUNNING, Task.Status.PLANNED}
        if task.pop("isStep")
        else {Task.Status.RUNNING}
    )
    task["waitingFor"] = _find_waiting(task_id) if task["status"] in may_wait else None
    usage, last_run = _sum_runs(task_id) if task.pop("hasRun") else ({}, ())
    task |= _represent_run(task["status"], last_run)
    if usage.get("modelId"):
        task["usage"] = _represent_usage(usage)
    return task


def represent_last_run(task: Task) -> JSON:
    """Return what ran, last, and why it failed if it did; nulls if nothing did."""
    return _represent_run(task.status, _last_run_query.first(task_id=task.pk) or ())


def _find_waiting(task_id: UUID) -> JSON | None:
    row = _waiting_query.first(task_id=task_id)
    return dict(zip(_WAITING_COLUMNS, row, strict=True)) if row and row[0] else None


def _sum_runs(task_id: UUID) -> tuple[JSON, Row]:
    """Return what a task used, and its last run as `_represent_run()` takes it."""
    row = _usage_query.first(task_id=task_id) or ()
    count = len(_USAGE_COLUMNS)
    return dict(zip(_USAGE_COLUMNS, row, strict=False)), row[count:]


def _represent_run(status: str, row: Row) -> JSON:
    error, runtime, profile = row or (None, None, None)
    return {
        "error": (error or None) if status == Task.Status.FAILED else None,
        "runtime": runtime or None,
        "profile": profile or None,
    }


def _represent_usage(usage: JSON) -> JSON:
    unpriced = usage.pop("unpricedRequests")
    estimated = usage.pop("estimatedRequests")
    # PostgreSQL sums to a Decimal.
    for name in ("inputTokens", "outputTokens", "costMicros"):
        usage[name] = None if usage[name] is None else int(usage[name])
    if not unpriced:
        usage["costMicros"] = usage["costMicros"] or 0
    total = usage["inputTokens"] + usage["outputTokens"]
    more = {"unpricedRequests": unpriced} if unpriced else {}
    if estimated:
        more["estimatedRequests"] = estimated
    return {**usage, "totalTokens": total, **more}
