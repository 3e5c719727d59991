"""How runs end: what a worker reports, and what becomes of a run whose worker is gone.

Like the verbs in `tasks.lifecycle`, each is one transaction that takes the task's row first.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import takewhile
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from ledger import budgets
from tasks import pubsub
from tasks.exceptions import LeaseLost
from tasks.lifecycle.messages import follow_up_missed
from tasks.models import (
    EventType,
    LogEntry,
    NewEntry,
    PermissionRequest,
    Run,
    RunTotal,
    Session,
    Task,
)
from tasks.models.ids import new_id
from tasks.models.outbox import find_status_type
from tasks.models.run import MAX_LOSSES, MAX_LOSSES_IN_ALL, POISON_LOSSES
from tasks.models.run_total import LEASE_LOSS
from tasks.models.task_updates import change
from tasks.models.workflow import mark_due

STOPPING = "The worker is stopping; another one goes on."
# Nobody sees a worker die: all that there is to see is that it no longer renews its leases.
NOT_RENEWED = "The worker let its lease run out; the run is taken up again."


@dataclass(frozen=True)
class Outcome:
    """How a run ended: a final status, and what to say of it."""

    status: Task.Status
    message: str
    result: str | None = None
    error: str = ""
    traceback: str = ""


def finish(run: Run, outcome: Outcome) -> None:
    """End a run and its task, or raise LeaseLost."""
    with transaction.atomic():
        changes: dict[str, Any] = (
            {} if outcome.result is None else {"result": outcome.result}
        )
        if not change(
            run.task_id,
            lease=run.pk,
            status=outcome.status,
            live_run=None,
            **changes,
        ):
            raise LeaseLost(f"Run {run.pk} is no longer live.")
        mark_due(run.workflow_run)
        run.close(
            Run.Status(outcome.status), error=outcome.error, traceback=outcome.traceback
        )
        PermissionRequest.objects.pending().filter(task_id=run.task_id).withdraw()
        budgets.release(run.task_id)
        LogEntry.objects.append(run.task_id, _last_entry(outcome), run_id=run.pk)
        if outcome.status == Task.Status.COMPLETED:
            follow_up_missed(run)
        transaction.on_commit(lambda: pubsub.publish_entries(run.task_id, []))


_LAST_EVENT = {
    Task.Status.COMPLETED: EventType.RESULT,
    Task.Status.FAILED: EventType.ERROR,
}


def _last_entry(outcome: Outcome) -> NewEntry:
    event_type = _LAST_EVENT.get(outcome.status, EventType.STATUS)
    return NewEntry(
        event_type,
        outcome.message,
        {"status": outcome.status},
        find_status_type(outcome.status),
    )


def hand_over(run: Run, *, reason: str = STOPPING) -> None:
    """Give up a run in good order, or raise LeaseLost: the next one goes on from its checkpoint."""
    with transaction.atomic():
        Task.objects.select_for_update().filter(pk=run.task_id).first()
        if _is_to_be_cancelled(run):
            finish(run, Outcome(Task.Status.CANCELLED, "Cancelled."))
        else:
            _queue_successor(run, Run.Status.HANDED_OVER, reason)


def take_up_again(run: Run, *, reason: str) -> None:
    """Queue a run anew whose agent was killed, or raise LeaseLost.

    It counts as a loss: where that happens again and again, the run fails instead.
    """
    with transaction.atomic():
        Task.objects.select_for_update().filter(pk=run.task_id).first()
        if _is_to_be_cancelled(run):
            finish(run, Outcome(Task.Status.CANCELLED, "Cancelled."))
        elif _is_lost_too_often(run):
            message = f"{reason} {_KILLED_TOO_OFTEN}"
            finish(run, Outcome(Task.Status.FAILED, message, error=message))
        else:
            _queue_successor(
                run, Run.Status.LOST, f"{reason} The run is taken up again."
            )


_KILLED_TOO_OFTEN = (
    "That came again and again: look for what kills it, such as too little memory, in the"
    " machine's log, then resume."
)


def park(run: Run, *, reason: str, seconds: float) -> None:
    """Let a run rest until its provider takes requests again, or raise LeaseLost.

    Without a step forward for longer than the settings allow, it fails instead.
    """
    with transaction.atomic():
        Task.objects.select_for_update().filter(pk=run.task_id).first()
        opens_at = timezone.now() + timedelta(seconds=seconds)
        until = f"until {opens_at:%Y-%m-%d %H:%M:%S} UTC"
        if _is_to_be_cancelled(run):
            finish(run, Outcome(Task.Status.CANCELLED, "Cancelled."))
        elif (opens_at - _stuck_since(run)).total_seconds() > (
            settings.STAGENT_MAX_PARK_SECONDS
        ):
            message = f"{reason}, {until}. Resume after that."
            finish(run, Outcome(Task.Status.FAILED, message, error=message))
        else:
            message = f"{reason}. The run is parked {until}."
            _queue_successor(run, Run.Status.PARKED, message, not_before=opens_at)


def _stuck_since(run: Run) -> datetime:
    """Return when this run, with those parked just before it, last came a step forward."""
    earlier = Run.objects.filter(session_id=run.session_id, attempt__lte=run.attempt)
    chain = takewhile(
        lambda row: row[0] == Run.Status.PARKED or row[1] == run.attempt,
        earlier.order_by("-attempt").values_list("status", "attempt", "queued_at"),
    )
    *_, (_, _, began_at) = chain
    moved_at: datetime = Session.objects.values_list("updated_at", flat=True).get(
        pk=run.session_id
    )
    return max(moved_at, began_at)


def expire(run: Run) -> bool:
    """Close a run whose lease has expired; False if it was renewed or closed meanwhile.

    Passes over a task that somebody else has locked: that may be its frozen worker.
    """
    with transaction.atomic():
        locked = (
            Task.objects.select_for_update(skip_locked=True)
            .filter(pk=run.task_id)
            .first()
        )
        if locked is None or not Run.objects.expired().filter(pk=run.pk).exists():
            return False
        if _is_to_be_cancelled(run):
            finish(
                run, Outcome(Task.Status.CANCELLED, "Cancelled; its worker was gone.")
            )
        elif PermissionRequest.objects.pending().filter(run_id=run.pk).exists():
            # It only waited for a person: whatever ended the worker, it was not this run.
            _queue_successor(
                run, Run.Status.HANDED_OVER, "The worker is gone; the run still waits."
            )
        elif reason := _reason_to_give_up(run):
            finish(run, Outcome(Task.Status.FAILED, reason, error=reason))
        else:
            _queue_successor(run, Run.Status.LOST, _about_losses(run.losses + 1))
        Run.objects.filter(pk=run.pk).update(lease_expires_at=None)
        RunTotal.objects.add_on_commit(run.runtime, LEASE_LOSS)
        return True


def _about_losses(losses: int) -> str:
    if losses < POISON_LOSSES:
        return NOT_RENEWED
    return (
        f"Workers let the lease of this run run out {losses} times in a row. A process of"
        " its own takes it up, so that it takes no other run along."
    )


def _reason_to_give_up(run: Run) -> str:
    """Say why a run that is lost is not taken up again; mostly nothing."""
    if run.losses + 1 >= MAX_LOSSES_IN_ALL:
        return _BLAME.format(MAX_LOSSES_IN_ALL, "in a row")
    if _losses_since_a_step(run) >= MAX_LOSSES:
        return _BLAME.format(MAX_LOSSES, "without a step forward in between")
    return ""


_BLAME = (
    "The lease of the worker ran out {} times {} while it performed this task, as when a"
    " worker dies. Look for what ends it in the workers' logs, then resume."
)


def _is_lost_too_often(run: Run) -> bool:
    return (
        run.losses + 1 >= MAX_LOSSES_IN_ALL or _losses_since_a_step(run) >= MAX_LOSSES
    )


def _losses_since_a_step(run: Run) -> int:
    """Count this loss, and those just before it since the checkpoint last moved."""
    moved_at = Session.objects.values_list("updated_at", flat=True).get(
        pk=run.session_id
    )
    earlier = Run.objects.filter(session_id=run.session_id, attempt__lt=run.attempt)
    before = earlier.order_by("-attempt").values_list("status", "finished_at")
    lost = takewhile(
        lambda end: end[0] == Run.Status.LOST and end[1] and end[1] > moved_at,
        before[:MAX_LOSSES],
    )
    return 1 + len(list(lost))


def _is_to_be_cancelled(run: Run) -> bool:
    """Read it under the task's lock: a cancel may have come since the run was read."""
    asked = Run.objects.filter(pk=run.pk, cancel_requested_at__isnull=False)
    return asked.exists()


def _queue_successor(
    run: Run, status: Run.Status, message: str, *, not_before: datetime | None = None
) -> None:
    """Close `run` and queue its successor in the same session."""
    successor_id = new_id()
    held = Task.objects.filter(pk=run.task_id, live_run=run.pk)
    if not held.update(live_run=successor_id):
        raise LeaseLost(f"Run {run.pk} is no longer live.")
    run.close(status)
    budgets.hand_on(run.task_id, run_id=successor_id)
    Run.objects.create(
        pk=successor_id,
        task_id=run.task_id,
        session_id=run.session_id,
        attempt=run.attempt + 1,
        runtime=run.runtime,
        profile=run.profile,
        model=run.model,
        effort=run.effort,
        priority=run.priority,
        is_resume=run.is_resume,
        is_follow_up=run.is_follow_up,
        started_by=run.started_by,
        workflow_run=run.workflow_run,
        losses=run.losses + 1 if status == Run.Status.LOST else 0,
        not_before=not_before,
    )
    entry = NewEntry(EventType.STATUS, message, {"status": Task.Status.RUNNING})
    LogEntry.objects.append(run.task_id, entry, run_id=successor_id)
    transaction.on_commit(pubsub.wake_workers)
