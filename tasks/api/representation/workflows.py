"""A workflow as lists show it."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.db.models import Count, F, IntegerField, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce

from stagent.database.json_text import iso_text
from tasks.models import StepRun, Task, Workflow, WorkflowRun
from tasks.workflows.definition import parse


def add_counts(rows: QuerySet[Workflow]) -> QuerySet[Any]:
    """Add the number of its tasks, over all its runs, to each workflow."""
    of_workflow = Task.objects.filter(workflow=OuterRef("pk")).order_by()
    count = of_workflow.values("workflow").annotate(count=Count("pk")).values("count")
    return rows.annotate(
        task_count=Coalesce(Subquery(count, output_field=IntegerField()), 0)
    )


def represent_workflow(workflow: Any) -> dict[str, Any]:
    return {
        "id": str(workflow.pk),
        "name": workflow.name,
        "projectId": workflow.project_id,
        "definition": workflow.definition,
        "status": workflow.status,
        "runNumber": workflow.run_number,
        "taskCount": getattr(workflow, "task_count", 0),
        "outputDocCount": 0,  # what agents write stays in their workspaces
        "createdAt": iso_text(workflow.created_at),
        "updatedAt": iso_text(workflow.updated_at),
    }


def progress_of(workflows: Sequence[Workflow]) -> dict[UUID | None, str]:
    """Say how far the last run of each is, as "2 of 3" steps, in two queries."""
    last = WorkflowRun.objects.filter(
        workflow__in=[one.pk for one in workflows],
        number=F("workflow__run_number"),
    )
    runs = list(last)
    completed = StepRun.objects.filter(
        run__in=runs, is_retried=False, status=StepRun.Status.COMPLETED
    )
    rows = completed.values_list("run").annotate(count=Count("pk")).order_by()
    counts: dict[UUID, int] = dict(rows)
    return {
        run.workflow_id: f"{counts.get(run.pk, 0)} of {_steps_of(run)}" for run in runs
    }


def _steps_of(run: WorkflowRun) -> int:
    """Return how many steps the run has; of a loop, iterations at most."""
    definition = parse(run.definition)
    return definition.loop.count if definition.loop else len(definition.steps)
