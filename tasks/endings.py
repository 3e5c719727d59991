"""How runs end: what a worker reports, and what becomes of a run whose worker is gone.

Like the verbs in `tasks.lifecycle`, each is one transaction that takes the task's row first.
"""

from dataclasses import dataclass

from django.db import transaction
from django.utils import timezone

from ledger import budgets
from tasks import doorbell
from tasks.exceptions import LeaseLost
from tasks.models import (
    EventType,
    LogEntry,
    NewEntry,
    PermissionRequest,
    Run,
    Status,
    Task,
)
from tasks.models.ids import new_id
from tasks.models.run import MAX_LOSSES


@dataclass(frozen=True)
class Outcome:
    """How a run ended: a final status, and what to say of it."""

    status: Status
    message: str
    result: str | None = None
    error: str = ""
    traceback: str = ""


def finish(run: Run, outcome: Outcome) -> None:
    """End a run and its task, or raise LeaseLost."""
    with transaction.atomic():
        held = Task.objects.filter(pk=run.task_id, live_run=run.pk)
        changes = {} if outcome.result is None else {"result": outcome.result}
        if not held.update(
            status=outcome.status, live_run=None, updated_at=timezone.now(), **changes
        ):
            raise LeaseLost(f"Run {run.pk} is no longer live.")
        run.close(
            Run.Status(outcome.status), error=outcome.error, traceback=outcome.traceback
        )
        PermissionRequest.objects.pending().filter(task_id=run.task_id).withdraw()
        budgets.release(run.task_id)
        LogEntry.objects.append(run.task_id, _last_entry(outcome), run_id=run.pk)
        transaction.on_commit(lambda: doorbell.ring_readers(run.task_id, []))


_LAST_EVENT = {Status.COMPLETED: EventType.RESULT, Status.FAILED: EventType.ERROR}


def _last_entry(outcome: Outcome) -> NewEntry:
    event_type = _LAST_EVENT.get(outcome.status, EventType.STATUS)
    return NewEntry(event_type, outcome.message, {"status": outcome.status})


def hand_over(run: Run) -> None:
    """Give up a run in good order: the next worker goes on from its checkpoint."""
    with transaction.atomic():
        _succeed(
            run, Run.Status.HANDED_OVER, "The worker is stopping; another one goes on."
        )


def lose(run: Run) -> bool:
    """Close a run whose lease has expired; False if it was renewed meanwhile."""
    with transaction.atomic():
        Task.objects.select_for_update().get(pk=run.task_id)
        if not Run.objects.expired().filter(pk=run.pk).exists():
            return False
        if run.cancel_requested_at:
            finish(run, Outcome(Status.CANCELLED, "Cancelled; its worker was gone."))
        elif _losses(run) + 1 >= MAX_LOSSES:
            reason = f"The worker died {MAX_LOSSES} times while it performed this task."
            finish(run, Outcome(Status.FAILED, reason, error=reason))
        else:
            _succeed(
                run, Run.Status.LOST, "The worker is gone; the run is taken up again."
            )
        Run.objects.filter(pk=run.pk).update(
            status=Run.Status.LOST, lease_expires_at=None
        )
        return True


def _losses(run: Run) -> int:
    return Run.objects.filter(session_id=run.session_id, status=Run.Status.LOST).count()


def _succeed(run: Run, status: Run.Status, message: str) -> None:
    """Close `run` and queue its successor in the same session."""
    successor_id = new_id()
    held = Task.objects.filter(pk=run.task_id, live_run=run.pk)
    if not held.update(live_run=successor_id):
        raise LeaseLost(f"Run {run.pk} is no longer live.")
    run.close(status)
    Run.objects.create(
        pk=successor_id,
        task_id=run.task_id,
        session_id=run.session_id,
        attempt=run.attempt + 1,
        runtime=run.runtime,
        profile=run.profile,
        priority=run.priority,
        is_resume=run.is_resume,
        started_by=run.started_by,
        cancel_requested_at=run.cancel_requested_at,
    )
    entry = NewEntry(EventType.STATUS, message, {"status": Status.RUNNING})
    LogEntry.objects.append(run.task_id, entry, run_id=successor_id)
    transaction.on_commit(doorbell.ring_workers)
