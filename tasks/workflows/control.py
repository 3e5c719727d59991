"""The verbs of people on a workflow whose run is there: pause, resume, stop, retry, delete.

Each takes the run's row first, as `advance` does, and leaves it due: a worker does the rest.
"""

from django.db import transaction
from django.utils import timezone

from tasks import pubsub
from tasks.exceptions import Conflict
from tasks.models import StepRun, Workflow, WorkflowRun
from tasks.workflows import states
from tasks.workflows.advance import pause as pause_run
from tasks.workflows.advance import reopen, set_status
from tasks.workflows.definition_reader import parse


class UnknownStep(Exception):
    """The workflow's last run has no step of this id."""


def pause(workflow: Workflow, *, by: str) -> None:
    """Start no further step; those that run go on to their end. Raises Conflict."""
    with transaction.atomic():
        run = _lock_last_run(workflow)
        if run is None or run.status != WorkflowRun.Status.ACTIVE:
            raise _not_possible(workflow, "Only an active workflow can be paused")
        pause_run(run, f"Paused by {by}.", stop_reason=_human_pause(run))
        _leave_due(run)


def _human_pause(run: WorkflowRun) -> str:
    is_loop = parse(run.definition).loop is not None
    return WorkflowRun.StopReason.HUMAN_PAUSE if is_loop else ""


def resume(workflow: Workflow, *, by: str) -> WorkflowRun:
    """Go on with a paused run. Raises Conflict."""
    with transaction.atomic():
        run = _lock_last_run(workflow)
        if run is None or run.status != WorkflowRun.Status.PAUSED:
            raise _not_possible(workflow, "Only a paused workflow can be resumed")
        reopen(run)
        _leave_due(run)
        return run


def stop(workflow: Workflow, *, by: str) -> None:
    """End an active or paused run; what runs of it is cancelled. Raises Conflict."""
    with transaction.atomic():
        run = _lock_last_run(workflow)
        if run is None or not run.is_live:
            raise _not_possible(
                workflow, "Only an active or paused workflow can be stopped"
            )
        _stop(run, by=by)


def _stop(run: WorkflowRun, *, by: str) -> None:
    run.status = WorkflowRun.Status.STOPPED
    run.stop_reason = WorkflowRun.StopReason.HUMAN_CANCEL
    run.reason = f"Stopped by {by}."
    run.finished_at = timezone.now()
    set_status(run, Workflow.Status.FAILED)
    _leave_due(run)


def retry(workflow: Workflow, step_id: str, *, by: str) -> None:
    """Let a failed step of the last run be tried again, and what depended on it go on.

    Raises UnknownStep, or Conflict if the step has not failed.
    """
    with transaction.atomic():
        run = _lock_last_run(workflow)
        if run is None or parse(run.definition).step(step_id) is None:
            raise UnknownStep(f"Step not found: {step_id[:100]}")
        if workflow.status == Workflow.Status.DRAFT:
            raise Conflict(
                "The workflow was edited since its last run: execute it instead.",
                status=workflow.status,
            )
        steps = states.current_steps(run.pk)
        states.update_steps(steps)
        of_step = [step for step in steps if step.step_id == step_id]
        if not of_step or of_step[-1].status != StepRun.Status.FAILED:
            status = of_step[-1].status if of_step else "pending"
            raise Conflict(
                f"Only a failed step can be retried; it is {status}.",
                status=workflow.status,
            )
        StepRun.objects.filter(pk=of_step[-1].pk).update(is_retried=True)
        if run.status != WorkflowRun.Status.PAUSED:
            reopen(run)
        _leave_due(run)


def delete(workflow: Workflow, *, by: str) -> None:
    """Remove a workflow; its runs, tasks and costs stay. Raises Conflict while it is active."""
    with transaction.atomic():
        # They are written, and a task's row is always taken before its run's.
        list(workflow.tasks.select_for_update().order_by("pk").values_list("pk"))
        run = _lock_last_run(workflow)
        if workflow.status == Workflow.Status.ACTIVE:
            raise _not_possible(workflow, "An active workflow cannot be deleted")
        if run and run.is_live:
            _stop(run, by=by)
        workflow.delete()


def _lock_last_run(workflow: Workflow) -> WorkflowRun | None:
    """Lock the last run, and read the workflow anew."""
    runs = WorkflowRun.objects.filter(workflow_id=workflow.pk).order_by("-number")
    run = runs.select_for_update().first()
    workflow.refresh_from_db()
    return run


def _leave_due(run: WorkflowRun) -> None:
    run.due_at = timezone.now()
    run.save(update_fields=["status", "stop_reason", "reason", "due_at", "finished_at"])
    transaction.on_commit(pubsub.wake_workers)


def _not_possible(workflow: Workflow, rule: str) -> Conflict:
    return Conflict(f"{rule}; it is {workflow.status}.", status=workflow.status)
