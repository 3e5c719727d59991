"""What the page of a workflow shows beside its form."""

import json
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.urls import reverse
from django.utils.safestring import SafeString

from tasks.admin import costs, display
from tasks.admin.checkpoints import checkpoint_of_run
from tasks.admin.task_page import RequestCard
from tasks.admin.workflow_graph import Box, draw
from tasks.admin.workflow_steps import Steps
from tasks.api.representation.workflow_status import run_to_show, steps_with_results
from tasks.models import PermissionRequest, StepRun, Task, Worker, Workflow, WorkflowRun
from tasks.workflows.definition import Definition, InvalidDefinition
from tasks.workflows.definition_reader import parse
from tasks.workflows.graph import make_graph

SHOWN_RUNS = 20


@dataclass(frozen=True)
class RunRow:
    """One run of the workflow, as its page lists it."""

    run: WorkflowRun
    status: SafeString
    began: str
    took: str
    reason: SafeString
    cost: str
    tasks_url: str


def sections(workflow: Workflow, *, may_change: bool) -> dict[str, Any]:
    """Return what the page shows and renews while the workflow goes on."""
    run = run_to_show(workflow)
    steps = steps_with_results(run) if run else []
    definition = _parse(run.definition if run else workflow.definition)
    shown = Steps(definition, steps) if definition else None
    runs = list(workflow.runs.order_by("-number")[:SHOWN_RUNS])
    spent = _costs(runs)
    return {
        "workflow": workflow,
        "run": run,
        "may_change": may_change,
        "status": display.state(workflow.status, workflow.get_status_display()),
        "reason": display.reveal(run.reason) if run else "",
        "stop_reason": run.get_stop_reason_display() if run else "",
        "actions": _actions(workflow) if may_change else [],
        "graph": shown.draw() if shown else "",
        "steps": shown.list_rows() if shown else [],
        "runs": [_run_row(one, spent) for one in runs],
        "cost": str(spent.get(run.pk, "-")) if run else "-",
        "cards": _cards(run, definition, steps) if run and definition else [],
        "no_worker": Worker.objects.absence() if workflow.is_in_hand else None,
        "is_live": workflow.status == Workflow.Status.ACTIVE,
        "sections_url": reverse("admin:tasks_workflow_sections", args=[workflow.pk]),
    }


def preview(text: str) -> SafeString:
    """Draw a definition as it is written, or raise InvalidDefinition."""
    definition = parse(text)
    graph = make_graph(definition)
    boxes = {
        step.id: Box(
            step.name, "pending" if not step.requires_approval else "asks first"
        )
        for step in definition.steps
    }
    return draw(graph, boxes, title="The steps as they are written")


def _parse(text: str) -> Definition | None:
    try:
        definition = parse(text)
        make_graph(definition)
    except InvalidDefinition:
        return None
    return definition


ACTIONS: dict[str, tuple[str, str, str]] = {  # name: title, icon, question
    "execute": ("Execute", "play_arrow", ""),
    "resume": ("Resume", "resume", ""),
    "pause": ("Pause", "pause", ""),
    "stop": ("Stop", "stop_circle", "Stop this run? What runs of it is cancelled."),
}
_VARIANTS = {"pause": "default", "stop": "danger"}
_OFFERED = {
    Workflow.Status.DRAFT: ("execute",),
    Workflow.Status.ACTIVE: ("pause", "stop"),
    Workflow.Status.PAUSED: ("resume", "stop"),
    Workflow.Status.COMPLETED: ("execute",),
    Workflow.Status.FAILED: ("execute",),
}


def _actions(workflow: Workflow) -> list[dict[str, str]]:
    names = _OFFERED[Workflow.Status(workflow.status)]
    return [
        {
            "url": reverse("admin:tasks_workflow_do", args=[workflow.pk, name]),
            "title": ACTIONS[name][0],
            "icon": ACTIONS[name][1],
            "confirm": ACTIONS[name][2],
            "variant": _VARIANTS.get(name, "primary"),
        }
        for name in names
    ]


def _run_row(run: WorkflowRun, spent: dict[UUID, costs.Cost]) -> RunRow:
    tasks = reverse("admin:tasks_task_changelist")
    return RunRow(
        run=run,
        status=display.state(run.status, run.get_status_display()),
        began=display.ago(run.created_at),
        took=display.duration(run.created_at, run.finished_at),
        reason=display.reveal(run.reason),
        cost=str(spent.get(run.pk, display.EMPTY)),
        tasks_url=f"{tasks}?workflow_run={run.pk}",
    )


def _costs(runs: list[WorkflowRun]) -> dict[UUID, costs.Cost]:
    """Return what each run has cost, in two queries."""
    tasks = Task.objects.filter(workflow_run__in=[run.pk for run in runs])
    run_of = dict(tasks.values_list("pk", "workflow_run"))
    total: dict[UUID, costs.Cost] = {}
    for task_id, cost in costs.sum_of_tasks(run_of).items():
        run_id = run_of[task_id]
        if run_id is not None:
            total[run_id] = total.get(run_id, costs.Cost()) + cost
    return total


def _cards(
    run: WorkflowRun, definition: Definition, steps: list[StepRun]
) -> list[RequestCard]:
    return [
        RequestCard.make(
            asked, checkpoint=checkpoint_of_run(asked, run, definition, steps)
        )
        for asked in _list_pending(run)
    ]


def _list_pending(run: WorkflowRun) -> Any:
    pending = PermissionRequest.objects.pending().filter(task__workflow_run=run.pk)
    return pending.select_related("task__project").order_by("created_at")


def pretty(text: str) -> str:
    """Indent a definition for the editor; what is no JSON stays as it is."""
    try:
        return json.dumps(json.loads(text), indent=2, ensure_ascii=False)
    except ValueError:
        return text
