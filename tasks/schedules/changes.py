"""What people do to schedules: make, change, pause, resume and remove them.

Each is one transaction that holds the schedule's row, plans the next time anew where that
may have changed, and wakes the workers, who then know when to look next.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from tasks import pubsub
from tasks.exceptions import Conflict
from tasks.models import Document, Schedule
from tasks.schedules import plan
from tasks.schedules.exceptions import NeverFires
from tasks.schedules.firing import pause as pause_locked

# Columns on which the next time depends.
PLANNED_BY = frozenset(
    {
        *("cron_expression", "timezone", "expires_at"),
        *("active_hours_start", "active_hours_end", "active_timezone"),
    }
)
PAUSED_BY_HAND = "Paused by {}."


def create(
    schedule: Schedule,
    documents: Iterable[Document] = (),
    *,
    now: datetime | None = None,
) -> Schedule:
    """Save a new schedule with its first time, or raise NeverFires."""
    _plan(schedule, now or timezone.now())
    with transaction.atomic():
        schedule.save(force_insert=True)
        schedule.documents.set(documents)
        transaction.on_commit(pubsub.wake_workers)
    return schedule


def change(
    schedule_id: UUID,
    changes: dict[str, Any],
    *,
    documents: Iterable[Document] | None = None,
    status: str | None = None,
    by: str,
) -> Schedule:
    """Write columns, attach documents, pause or resume: all of it or nothing.

    Raises Schedule.DoesNotExist, Conflict (status) or NeverFires.
    """
    with transaction.atomic():
        schedule = Schedule.objects.select_for_update(of=("self",)).get(pk=schedule_id)
        for column, value in changes.items():
            setattr(schedule, column, value)
        if status == Schedule.Status.PAUSED:
            _pause(schedule, by)
        elif status == Schedule.Status.ACTIVE:
            _resume(schedule)
        elif PLANNED_BY & changes.keys() and _is_active(schedule):
            _plan(schedule, timezone.now())
        schedule.save()
        if documents is not None:
            schedule.documents.set(documents)
        transaction.on_commit(pubsub.wake_workers)
    return schedule


def pause(schedule: Schedule, *, by: str) -> None:
    """Stop firing until `resume()`; what runs goes on. Raises Conflict."""
    change(schedule.pk, {}, status=Schedule.Status.PAUSED, by=by)


def resume(schedule: Schedule, *, by: str) -> None:
    """Fire again from now on; what came due meanwhile is not made up for. Raises Conflict."""
    change(schedule.pk, {}, status=Schedule.Status.ACTIVE, by=by)


def remove(schedule_id: UUID) -> None:
    """Remove a schedule and its firings; its tasks stay, and those that run go on.

    Raises Schedule.DoesNotExist.
    """
    with transaction.atomic():
        # Held, so that no worker starts another task for it meanwhile.
        Schedule.objects.select_for_update(of=("self",)).get(pk=schedule_id).delete()


def _is_active(schedule: Schedule) -> bool:
    return schedule.status == Schedule.Status.ACTIVE


def _pause(schedule: Schedule, by: str) -> None:
    if not _is_active(schedule):
        raise Conflict("Can only pause an active schedule", status=schedule.status)
    pause_locked(schedule, PAUSED_BY_HAND.format(by))


def _resume(schedule: Schedule) -> None:
    if schedule.status != Schedule.Status.PAUSED:
        raise Conflict("Can only resume a paused schedule", status=schedule.status)
    schedule.status, schedule.pause_reason = Schedule.Status.ACTIVE, ""
    schedule.failure_streak = 0
    _plan(schedule, timezone.now())


def _plan(schedule: Schedule, now: datetime) -> None:
    schedule.next_fire_at = plan.next_fire_at(schedule, now)
    if schedule.next_fire_at is None:
        raise _why_never(schedule, now)


def _why_never(schedule: Schedule, now: datetime) -> NeverFires:
    if not schedule.cron_expression:
        return NeverFires("interval", "The schedule has no interval yet")
    if schedule.expires_at is None:
        message = "No time of the interval is within the active hours"
        return NeverFires("active_hours_start", message)
    if schedule.expires_at <= now:
        return NeverFires("expires_at", "The schedule has expired")
    return NeverFires("expires_at", "The schedule expires before it fires once")
