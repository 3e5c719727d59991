"""Moves a task from status to status, with all that hangs on it.

Each verb is one transaction that takes the task's row first, writes a log entry and
publishes it on commit.
"""

from uuid import UUID

from django.db import transaction

from ledger import budgets
from tasks import pubsub
from tasks.models import EventType, LogEntry, NewEntry, PermissionRequest, Run, Task
from tasks.models.outbox import find_status_type
from tasks.models.task_status import FINAL
from tasks.models.task_updates import move
from tasks.models.workflow import mark_due


def wake_workflow(task: Task) -> None:
    """Let the run of the workflow, of which `task` is a step, go on from what it has become."""
    if task.workflow_run is None:
        return
    mark_due(task.workflow_run)
    if task.status != Task.Status.PLANNED:  # its approval is no longer waited for
        PermissionRequest.objects.pending().filter(task=task, run=None).withdraw()


def queue(task: Task, *, by: str) -> None:
    """Queue a task; one that is completed or cancelled by way of planned, as the table says."""
    with transaction.atomic():
        if task.status in {Task.Status.COMPLETED, Task.Status.CANCELLED}:
            record_status(task, Task.Status.PLANNED, by=by)
        record_status(task, Task.Status.QUEUED, by=by)


def publish_end(task_id: UUID) -> None:
    """Let who follows the log look at once whether this is its end."""
    transaction.on_commit(lambda: pubsub.publish_entries(task_id, []))


def log_status(
    task: Task,
    message: str,
    run: Run | None = None,
    *,
    last: int | None = None,
    moved_to: Task.Status | None = None,
    **data: object,
) -> None:
    """Write what became of a task.

    `moved_to` is its new status, of which others hear, too; `last` the entry's number where
    it was given out.
    """
    announces = None
    if moved_to:
        data["status"], announces = moved_to, find_status_type(moved_to)
    entry = NewEntry(EventType.STATUS, message, data, announces)
    run_id = run.pk if run else task.live_run
    LogEntry.objects.append(task.pk, entry, run_id=run_id, last=last)


def record_status(
    task: Task, status: Task.Status, *, by: str, **changes: object
) -> None:
    """Write down what an outside party reports; starts no agent.

    If an agent's run is live and the new status is final, that run is told to stop and
    nothing it writes afterwards counts.
    """
    with transaction.atomic():
        move(task, status, entries=1, **changes)  # which takes the row
        last = task.log_sequence
        wake_workflow(task)
        live_run = (
            Run.objects.filter(pk=task.live_run).first() if task.live_run else None
        )
        if live_run:
            Task.objects.filter(pk=task.pk).update(live_run=None)
            close_live_run(task, live_run)
        message = f"Moved to {status} by {by}."
        log_status(task, message, live_run, last=last, moved_to=status)
        if status in FINAL:
            publish_end(task.pk)


def close_live_run(task: Task, run: Run) -> None:
    """Close a live run for good, whether or not its worker has noticed."""
    run.close(Run.Status.CANCELLED, error="The task was ended from outside.")
    PermissionRequest.objects.pending().filter(task=task).withdraw()
    budgets.release(task.pk)
    transaction.on_commit(lambda: pubsub.wake_workers(cancelled=run.pk))
