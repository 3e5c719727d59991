"""A workflow as lists show it."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.db.models import Count, F, IntegerField, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce

from stagent.database.json_text import iso_text
from tasks.models import Document, StepRun, Task, Workflow, WorkflowRun
from tasks.workflows.definition_reader import parse


def add_counts(rows: QuerySet[Workflow]) -> QuerySet[Any]:
    """Add the numbers of its tasks and of what they made, over all its runs, to each workflow."""
    tasks = Task.objects.filter(workflow=OuterRef("pk")).order_by()
    documents = Document.objects.filter(
        direction=Document.Direction.OUTPUT,
        made_by__in=Task.objects.filter(workflow=OuterRef(OuterRef("pk")))
        .order_by()
        .values("pk"),
    )
    return rows.annotate(
        task_count=_count(tasks.values("workflow")),
        output_document_count=_count(documents.order_by().values("direction")),
    )


def _count(groups: QuerySet[Any, Any]) -> Coalesce:
    """Return how many rows a subquery has, all of which are of one group."""
    count = groups.annotate(count=Count("pk")).values("count")
    return Coalesce(Subquery(count, output_field=IntegerField()), 0)


def represent_workflow(workflow: Any) -> dict[str, Any]:
    return {
        "id": str(workflow.pk),
        "name": workflow.name,
        "projectId": workflow.project_id,
        "definition": workflow.definition,
        "status": workflow.status,
        "runNumber": workflow.run_number,
        "taskCount": getattr(workflow, "task_count", 0),
        "outputDocCount": getattr(workflow, "output_document_count", 0),
        "createdAt": iso_text(workflow.created_at),
        "updatedAt": iso_text(workflow.updated_at),
    }


def count_progress(workflows: Sequence[Workflow]) -> dict[UUID | None, str]:
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
        run.workflow_id: f"{counts.get(run.pk, 0)} of {_count_steps(run)}"
        for run in runs
    }


def _count_steps(run: WorkflowRun) -> int:
    """Return how many steps the run has; of a loop, iterations at most."""
    definition = parse(run.definition)
    return definition.loop.count if definition.loop else len(definition.steps)
