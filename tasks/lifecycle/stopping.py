"""Cancels tasks and deletes them, a run that is live included."""

from django.db import transaction
from django.db.models import Count, Max
from django.utils import timezone

from tasks import pubsub
from tasks.lifecycle.status import (
    close_live_run,
    log_status,
    publish_end,
    wake_workflow,
)
from tasks.models import Leftover, LogEntry, Run, Task
from tasks.models.task_updates import move
from tasks.models.workflow import mark_due

# Entries that are removed together with their task, which keeps others from writing.
SHORT_LOG = 1_000


def cancel(task: Task, *, by: str) -> None:
    """Cancel a planned, queued or running task; a cancelled one stays as it is.

    A run that a worker performs is only asked to stop: the worker hears it and confirms.
    """
    with transaction.atomic():
        locked = Task.objects.select_for_update().get(pk=task.pk)
        if locked.status == Task.Status.CANCELLED:
            return
        run = (
            Run.objects.filter(pk=locked.live_run).first() if locked.live_run else None
        )
        if run and run.request_cancel():
            log_status(task, f"Cancel requested by {by}.", run, status=locked.status)
            transaction.on_commit(lambda: pubsub.wake_workers(cancelled=run.pk))
            return
        move(task, Task.Status.CANCELLED, live_run=None)
        wake_workflow(task)
        if run:
            close_live_run(task, run)
        log_status(task, f"Cancelled by {by}.", run, moved_to=Task.Status.CANCELLED)
        publish_end(task.pk)


def delete(task: Task) -> None:
    """Remove a task, its workspace and all but its ledger entries.

    A live run is stopped first. The workspace goes once its worker has let go of it. A
    long log goes then too, piece by piece: without its task nobody sees it any more.
    """
    with transaction.atomic():
        locked = Task.objects.select_for_update().get(pk=task.pk)
        mark_due(locked.workflow_run)
        run = (
            Run.objects.filter(pk=locked.live_run).first() if locked.live_run else None
        )
        if run:
            close_live_run(locked, run)
        _leave_rest(locked)
        publish_end(task.pk)
        locked.delete()


def _leave_rest(task: Task) -> None:
    """Write down for a worker what of the task is to be removed later."""
    runs = task.runs.aggregate(count=Count("pk"), lease_end=Max("lease_expires_at"))
    has_more = LogEntry.objects.remove_some(task.pk, SHORT_LOG)
    if runs["count"] or has_more:
        due_at = runs["lease_end"] or timezone.now()
        Leftover.objects.create(task_id=task.pk, due_at=due_at)
