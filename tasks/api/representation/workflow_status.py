"""How far a workflow is: its steps, its documents and its runs, as the API tells it.

Each step has its state both flat and nested under `state`, for clients of either form.
"""

import json
from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django.db.models import Count, Q

from stagent.database.json_text import iso_text
from tasks.models import Document, StepRun, Task, Workflow, WorkflowRun
from tasks.workflows import states
from tasks.workflows.definition import Definition, InvalidDefinition, Pattern
from tasks.workflows.definition_reader import parse
from tasks.workflows.engine import Key, StepState, StepStatus, blocked_by
from tasks.workflows.graph import Graph, make_graph

JSON = dict[str, Any]


def status_of(workflow: Workflow, run: WorkflowRun | None) -> JSON:
    """Return the status as of `run`, with the definition that it began with; without one, a draft's."""
    text = run.definition if run else workflow.definition
    given = _object(text)
    definition = _parse(text)
    steps = steps_with_results(run) if run else []
    return {
        "id": str(workflow.pk),
        "name": workflow.name,
        "projectId": workflow.project_id,
        "definition": text,
        "pattern": given.get("pattern"),
        "swarmConfig": given.get("swarmConfig"),
        "status": _status(workflow, run),
        "runNumber": run.number if run else workflow.run_number,
        "reason": (run.reason if run else "") or None,
        "stopReason": (run.stop_reason if run else "") or None,
        "steps": _steps(given, definition, steps),
        "workflowState": _workflow_state(workflow, run),
        "loopState": _loop_state(definition, run, steps) if definition else None,
        "stepDocuments": _documents_of_tasks(
            step.task_id for step in steps if step.task_id
        ),
        "parentDocuments": _documents_of_source(definition),
        "runHistory": represent_history(workflow),
    }


def run_to_show(workflow: Workflow, number: int | None = None) -> WorkflowRun | None:
    """Return run `number`, or the last one; None for a workflow that was edited since."""
    runs = WorkflowRun.objects.filter(workflow=workflow)
    if number is not None:
        return runs.filter(number=number).first()
    if workflow.status == Workflow.Status.DRAFT:
        return None
    return runs.filter(number=workflow.run_number).first()


def steps_with_results(run: WorkflowRun) -> list[StepRun]:
    steps = StepRun.objects.filter(run=run, is_retried=False)
    return list(steps.select_related("task", "approval").order_by("iteration", "id"))


def represent_history(workflow: Workflow) -> list[JSON]:
    """Return what became of each run, the newest first."""
    runs = list(WorkflowRun.objects.filter(workflow=workflow).order_by("-number"))
    tasks = Task.objects.filter(workflow_run__in=[run.pk for run in runs])
    by_run = tasks.order_by().values("workflow_run")
    counted = by_run.annotate(
        tasks=Count("pk"),
        completed=Count("pk", filter=Q(status=Task.Status.COMPLETED)),
        failed=Count("pk", filter=Q(status=Task.Status.FAILED)),
    )
    counts: dict[UUID | None, Any] = {row["workflow_run"]: row for row in counted}
    return [_represent_past_run(run, counts.get(run.pk, {})) for run in runs]


def _represent_past_run(run: WorkflowRun, counts: JSON) -> JSON:
    return {
        "runNumber": run.number,
        "runId": str(run.pk),
        "status": run.status,
        "stopReason": run.stop_reason or None,
        "reason": run.reason or None,
        "taskCount": counts.get("tasks", 0),
        "completedCount": counts.get("completed", 0),
        "failedCount": counts.get("failed", 0),
        "startedAt": iso_text(run.created_at),
        "completedAt": iso_text(run.finished_at) if run.finished_at else None,
    }


def _status(workflow: Workflow, run: WorkflowRun | None) -> str:
    if run is None or run.number == workflow.run_number:
        return workflow.status
    return run.status


def _workflow_state(workflow: Workflow, run: WorkflowRun | None) -> JSON:
    return {
        "status": _status(workflow, run),
        "startedAt": iso_text(run.created_at) if run else None,
        "completedAt": iso_text(run.finished_at) if run and run.finished_at else None,
    }


# --- Steps --------------------------------------------------------------------------------


def step_states(steps: Iterable[StepRun]) -> dict[Key, StepState]:
    """Return what became of the steps, as the engine takes it."""
    return {states.key_of(step): StepState(states.see(step).status) for step in steps}


def status_of_step(
    graph: Graph, step_id: str, step: StepRun | None, now: dict[Key, StepState]
) -> str:
    """Return the status of a step in the API's words."""
    if step is None:
        waits_for = graph[step_id].waits_for
        is_waiting = bool(now) and any(
            (state := now.get((name, 0))) is None
            or state.status is not StepStatus.COMPLETED
            for name in waits_for
        )
        return "waiting_dependencies" if is_waiting else "pending"
    seen = states.see(step).status
    if seen is StepStatus.APPROVED:
        return "pending"
    is_put_back = step.task is not None and step.task.status in {
        Task.Status.PLANNED,
        Task.Status.QUEUED,
    }
    return "pending" if seen is StepStatus.RUNNING and is_put_back else str(seen)


def _steps(
    given: JSON, definition: Definition | None, steps: list[StepRun]
) -> list[JSON]:
    if definition is None:
        return []
    graph = make_graph(definition)
    now = step_states(steps)
    latest = {step.step_id: step for step in steps}  # of a loop, the last iteration
    return [
        _step(own, graph, latest.get(own["id"]), now, definition.pattern)
        for own in given["steps"]
    ]


def _step(
    own: JSON,
    graph: Graph,
    step: StepRun | None,
    now: dict[Key, StepState],
    pattern: Pattern,
) -> JSON:
    blocking = blocked_by(graph[own["id"]], now, graph) if step is None else ()
    names = ", ".join(graph[step_id].step.name for step_id in blocking)
    state = {
        "stepId": own["id"],
        "status": status_of_step(graph, own["id"], step, now),
        **_outcome(step),
    }
    if names:
        what = "branches" if pattern is Pattern.PARALLEL else "steps"
        state["error"] = f"Blocked by failed {what}: {names}"
    return {**own, **state, "state": state}


def _outcome(step: StepRun | None) -> JSON:
    if step is None:
        names = (
            "taskId",
            "result",
            "error",
            "startedAt",
            "completedAt",
            "notificationId",
        )
        return {"attempt": 0, **dict.fromkeys(names)}
    seen = states.see(step)
    return {
        "attempt": step.attempt,
        "taskId": str(step.task_id) if step.task_id else None,
        "result": (step.task.result if step.task else "") or None,
        "error": (seen.error or None) if seen.status is StepStatus.FAILED else None,
        "startedAt": iso_text(step.started_at),
        "completedAt": iso_text(step.finished_at) if step.finished_at else None,
        "notificationId": step.approval_id,
    }


# --- Loops ----------------------------------------------------------------------------------

_LOOP_STATUS = {"active": "running", "stopped": "failed"}


def _loop_state(
    definition: Definition, run: WorkflowRun | None, steps: list[StepRun]
) -> JSON | None:
    if definition.loop is None or run is None:
        return None
    took = (run.finished_at - run.created_at) if run.finished_at else None
    return {
        "currentIteration": len(steps),
        "iterations": [_iteration(step) for step in steps],
        "status": _LOOP_STATUS.get(run.status, run.status),
        "stopReason": run.stop_reason or None,
        "startedAt": iso_text(run.created_at),
        "completedAt": iso_text(run.finished_at) if run.finished_at else None,
        "totalDurationMs": round(took.total_seconds() * 1000) if took else None,
    }


def _iteration(step: StepRun) -> JSON:
    took = step.finished_at - step.started_at if step.finished_at else None
    return {
        "iteration": step.iteration + 1,
        "status": states.see(step).status,
        **_outcome(step),
        "durationMs": round(took.total_seconds() * 1000) if took else None,
    }


# --- Documents --------------------------------------------------------------------------------


def document_json(document: Document) -> JSON:
    """Show a document under the names of this API's documents, and those that others use."""
    return {
        "id": document.pk,
        "name": document.name,
        "originalName": document.name,
        "filename": document.name,
        "mimeType": document.media_type,
        "size": document.size,
        "direction": document.direction,
        "status": document.status,
        "category": document.category or None,
    }


def _documents_of_tasks(task_ids: Iterable[UUID]) -> dict[str, list[JSON]]:
    links = Task.documents.through.objects.filter(task_id__in=list(task_ids))
    found: dict[str, list[JSON]] = {}
    for link in links.select_related("document").order_by("id"):
        found.setdefault(str(link.task_id), []).append(document_json(link.document))
    return found


def _documents_of_source(definition: Definition | None) -> list[JSON]:
    if definition is None or not definition.source_task_id:
        return []
    try:
        source = UUID(definition.source_task_id)
    except ValueError:
        return []
    return [document_json(one) for one in Document.objects.filter(tasks=source)]


def _object(text: str) -> JSON:
    try:
        given = json.loads(text)
    except ValueError:
        return {}
    return given if isinstance(given, dict) else {}


def _parse(text: str) -> Definition | None:
    """Return the definition, None for a workflow of old that has none."""
    try:
        return parse(text)
    except InvalidDefinition:
        return None
