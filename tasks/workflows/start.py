"""The verb that starts a workflow."""

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from tasks import pubsub
from tasks.exceptions import Conflict
from tasks.models import Workflow, WorkflowRun
from tasks.workflows.definition_reader import parse
from tasks.workflows.graph import make_graph


def start(workflow: Workflow, *, by: str) -> WorkflowRun:
    """Begin a fresh run of a workflow that is not in hand; a worker starts its first steps.

    Raises Conflict while a run is active or paused, and InvalidDefinition.
    """
    definition = parse(workflow.definition)
    make_graph(definition)
    with transaction.atomic():
        idle = Workflow.objects.filter(pk=workflow.pk).exclude(
            status__in=[Workflow.Status.ACTIVE, Workflow.Status.PAUSED]
        )
        moved = idle.filter(definition=workflow.definition).update(
            status=Workflow.Status.ACTIVE,
            run_number=F("run_number") + 1,
            updated_at=timezone.now(),
        )
        workflow.refresh_from_db()
        if not moved:
            raise Conflict(_why_not(workflow), status=workflow.status)
        run = WorkflowRun.objects.create(
            workflow=workflow,
            workflow_name=workflow.name,
            project_id=workflow.project_id,
            number=workflow.run_number,
            definition=workflow.definition,
            due_at=timezone.now(),
            created_by=by,
        )
        transaction.on_commit(pubsub.wake_workers)
        return run


def _why_not(workflow: Workflow) -> str:
    if workflow.is_in_hand:
        return f"The workflow is already running; it is {workflow.status}."
    return "The workflow was changed meanwhile; try again."
