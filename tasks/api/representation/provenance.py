"""A task's whole story, from sources: who asked, what ran, who allowed it, what it cost."""

from typing import Any
from uuid import UUID

from django.db.models import Min, QuerySet

from ledger.models import LedgerEntry
from stagent.database.json_text import iso_text
from tasks.models import PermissionRequest, Run, Schedule, Task, Workflow

JSON = dict[str, Any]

MOST_TOLD = 500  # of the runs and of the permission requests: the last ones


def represent_provenance(task: Task) -> JSON:
    """Return the graph. `sourceType` is manual, assist, workflow or schedule; `parentId` names it."""
    source, parent = _source(task)
    totals = LedgerEntry.objects.for_task(task.pk).totals()
    models = _models_by_run(task)
    return {
        "taskId": str(task.pk),
        "sourceType": source,
        "parentId": str(parent.pk) if parent else None,
        "parentName": (getattr(parent, "name", "") or parent.title) if parent else None,
        "createdBy": task.created_by or None,
        "createdAt": iso_text(task.created_at),
        "lineage": _lineage(task, source, parent, totals.cost_microdollars),
        "documents": [
            {"id": pk, "name": name}
            for pk, name in task.documents.values_list("pk", "name")
        ],
        "filesFrom": [
            {"id": str(pk), "title": title}
            for pk, title in task.files_from.order_by("pk").values_list("pk", "title")
        ],
        "runs": [_run(run, models) for run in _last(task.runs.order_by("-attempt"))],
        "permissions": list(map(_permission, _last(_permissions(task)))),
        "costMicros": totals.cost_microdollars,
    }


def _last(newest_first: QuerySet[Any]) -> list[Any]:
    return list(newest_first[:MOST_TOLD])[::-1]


def _permissions(task: Task) -> QuerySet[PermissionRequest]:
    # Without what was given to the tools, which may be long and is not told here.
    requests = task.permission_requests.order_by("-created_at", "-id")
    return requests.defer("tool_input")


def _source(task: Task) -> tuple[str, Any]:
    if task.workflow_id:
        return "workflow", task.workflow
    if task.schedule_id:
        return "schedule", task.schedule
    if task.assist_id:
        return "assist", task.assist
    return "manual", None


def _lineage(task: Task, source: str, parent: Any, cost: int | None) -> list[JSON]:
    """Return what led to a task, the first cause first, each with what it cost."""
    chain = [_ancestor("assist" if task.is_assist else "task", task, cost)]
    if source == "assist":
        chain.insert(0, _ancestor("assist", parent, _sum_cost([parent.pk])))
    elif source == "schedule":
        chain.insert(0, _ancestor("schedule", parent, None))
    elif source == "workflow":
        chain = [*_lineage_of_workflow(parent, task.workflow_run), *chain]
    return chain


def _lineage_of_workflow(workflow: Workflow, run: UUID | None) -> list[JSON]:
    steps = Task.objects.filter(workflow_run=run).order_by()
    chain = [_ancestor("workflow", workflow, _sum_cost(steps.values("pk")))]
    if run and (schedule := _schedule_of_run(run)):
        chain.insert(0, _ancestor("schedule", schedule, None))
    if assist := workflow.assist:
        chain.insert(0, _ancestor("assist", assist, _sum_cost([assist.pk])))
    return chain


def _sum_cost(tasks: Any) -> int | None:
    entries = LedgerEntry.objects.filter(task_id__in=tasks)
    return entries.totals().cost_microdollars


def _ancestor(kind: str, row: Any, cost: int | None) -> JSON:
    return {
        "type": kind,
        "id": str(row.pk),
        "name": getattr(row, "name", "") or row.title,
        "costMicros": cost,
    }


def _schedule_of_run(workflow_run: UUID) -> Schedule | None:
    """Return the schedule that started a workflow's run, if one did."""
    return Schedule.objects.filter(firings__workflow_run=workflow_run).first()


def _models_by_run(task: Task) -> dict[UUID, list[str]]:
    """Return what answered in each run, as the providers call it, in the order of its first answer."""
    pairs = LedgerEntry.objects.for_task(task.pk).order_by().values("run_id", "model")
    models: dict[UUID, list[str]] = {}
    for pair in pairs.annotate(first=Min("pk")).order_by("first"):
        models.setdefault(pair["run_id"], []).append(pair["model"])
    return models


def _run(run: Run, models: dict[UUID, list[str]]) -> JSON:
    return {
        "id": str(run.pk),
        "attempt": run.attempt,
        "status": run.status,
        "runtime": run.runtime,
        "profile": run.profile,
        "model": run.model or None,
        "effort": run.effort or None,
        "modelIds": models.get(run.pk, []),
        "isResume": run.is_resume,
        "isFollowUp": run.is_follow_up,
        "startedBy": run.started_by or None,
        "queuedAt": iso_text(run.queued_at),
        "startedAt": iso_text(run.started_at) if run.started_at else None,
        "finishedAt": iso_text(run.finished_at) if run.finished_at else None,
        "error": run.error or None,
    }


def _permission(request: PermissionRequest) -> JSON:
    return {
        "notificationId": request.pk,
        "toolName": request.tool_name,
        "action": request.action,
        "status": request.status,
        "decidedBy": request.decided_by or None,
        "requestedAt": iso_text(request.created_at),
        "decidedAt": iso_text(request.decided_at) if request.decided_at else None,
    }


def list_siblings(task: Task) -> list[JSON]:
    """Return the other tasks of the same workflow run, in the order of their creation."""
    if task.workflow_run is None:
        return []
    others = Task.objects.filter(workflow_run=task.workflow_run).exclude(pk=task.pk)
    rows = others.order_by("id").values_list("pk", "title", "status", "created_at")
    return [
        {
            "id": str(pk),
            "title": title,
            "status": status,
            "createdAt": iso_text(created_at),
        }
        for pk, title, status, created_at in rows
    ]
