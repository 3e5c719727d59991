"""Fires schedules: the worker's sweep calls `sweep()`, a person's Run now `fire_now()`.

Each firing is one transaction that holds the schedule's row: its task, its run, the firing
itself and the schedule's next time are there together or not at all. So a worker may be
killed at any instant, and of several workers one fires.
"""

import logging
from datetime import datetime, timedelta
from typing import cast
from uuid import UUID

from django.db import transaction
from django.db.models import DateTimeField
from django.db.models.functions import Now
from django.utils import timezone

from tasks import pubsub
from tasks.models import Firing, OutboxEvent, OutboxType, Schedule, Task, WorkflowRun
from tasks.models.schedule import MAX_FAILURES
from tasks.payloads.events import make_schedule_data
from tasks.schedules import clock, heartbeat, plan
from tasks.schedules.exceptions import StillRunning
from tasks.schedules.starting import Refusal, start

log = logging.getLogger(__name__)

GRACE = timedelta(seconds=60)  # later than this, no worker ran
MOST_AT_ONCE = 20
WRITTEN = (
    *("status", "pause_reason", "next_fire_at", "last_fired_at", "firing_count"),
    *("failure_streak", "suppression_count", "last_action_at"),
)
FIRED_BY = "schedule"


def sweep() -> float | None:
    """Settle firings that ended and fire what is due; return in how many seconds to look again.

    None: only a change of a schedule, or the end of a firing, gives anything to do.
    """
    settle_ended()
    found = _next_due()
    if found is None:
        return None
    next_due, now = found
    if next_due > now:
        return (next_due - now).total_seconds()
    due = Schedule.objects.filter(next_fire_at__lte=now).order_by("next_fire_at")
    for schedule_id in due.values_list("pk", flat=True)[:MOST_AT_ONCE]:
        fire_due(schedule_id, now)
    return 0.0  # there may be more


def _next_due() -> tuple[datetime, datetime] | None:
    """Return the first schedule's next time, and the time of the database, which all share."""
    planned = Schedule.objects.filter(next_fire_at__isnull=False)
    times = planned.annotate(now=Now(output_field=DateTimeField()))
    first = times.order_by("next_fire_at").values_list("next_fire_at", "now").first()
    return cast("tuple[datetime, datetime] | None", first)


def fire_due(schedule_id: UUID, now: datetime) -> None:
    """Fire a schedule that is due; not if another worker just does."""
    with transaction.atomic():
        rows = Schedule.objects.select_for_update(skip_locked=True, of=("self",))
        schedule = rows.filter(pk=schedule_id, next_fire_at__lte=now).first()
        if schedule is None:
            return
        _settle(schedule, now)
        if schedule.next_fire_at is not None:  # else it was paused: it failed too often
            is_missed = _is_missed(schedule, now)
            _fire(schedule, schedule.next_fire_at, now, is_missed=is_missed)
            _plan_next(schedule, now - GRACE if is_missed else now)
        schedule.save(update_fields=WRITTEN)


def _is_missed(schedule: Schedule, now: datetime) -> bool:
    is_late = schedule.next_fire_at is not None and now - schedule.next_fire_at > GRACE
    return is_late and schedule.catchup == Schedule.CatchUp.NONE


def _fire(
    schedule: Schedule, due_at: datetime, now: datetime, *, is_missed: bool
) -> None:
    firing = Firing(schedule=schedule, scheduled_for=due_at)
    if schedule.firings.filter(scheduled_for=due_at).exists():
        return  # the clock was set back: it has fired for this time
    if now - due_at > GRACE:
        firing.reason = (
            f"Due at {due_at:%Y-%m-%d %H:%M} UTC, when no worker ran."
            " Times missed since count as this one."
        )
    if is_missed:
        firing.status = Firing.Status.MISSED
    elif before := schedule.firings.going_on().order_by("-pk").first():
        _overlap(schedule, firing, before)
    else:
        start(schedule, firing, by=FIRED_BY, now=now)
    firing.save()


def _overlap(schedule: Schedule, firing: Firing, before: Firing) -> None:
    is_one_waiting = schedule.firings.waiting().exists()
    if schedule.overlap == Schedule.Overlap.QUEUE and not is_one_waiting:
        firing.status = Firing.Status.WAITING
        firing.reason = f"Waits for the end of firing {before}."
        return
    firing.status = Firing.Status.SKIPPED
    firing.reason = f"Firing {before} was still running." + (
        " Another one waits already." if is_one_waiting else ""
    )


def _plan_next(schedule: Schedule, after: datetime) -> None:
    """Set the next time, or end a schedule that has none."""
    if schedule.status != Schedule.Status.ACTIVE:
        return
    if schedule.timezone not in clock.zone_names():
        reason = f"This machine does not know the time zone {schedule.timezone}."
        pause(schedule, reason)
        _announce_pause(schedule)
        return
    last = schedule.next_fire_at  # never the same again, whatever the clock says
    is_done = _has_fired_enough(schedule)
    schedule.next_fire_at = (
        None if is_done else plan.next_fire_at(schedule, max(after, last or after))
    )
    if schedule.next_fire_at is None:
        schedule.status = Schedule.Status.EXHAUSTED


def _has_fired_enough(schedule: Schedule) -> bool:
    if not schedule.recurs:
        return schedule.firing_count > 0
    most = schedule.max_firings
    return most is not None and schedule.firing_count >= most


def fire_now(schedule: Schedule, *, by: str, force: bool = False) -> Firing:
    """Start a schedule's task at once, whatever its status, and return the firing.

    Raises StillRunning unless `force`, and what refused the task: that has a row, too.
    """
    now = timezone.now()
    with transaction.atomic():
        locked = Schedule.objects.select_for_update().get(pk=schedule.pk)
        _settle(locked, now)
        before = locked.firings.going_on().order_by("-pk").first()
        firing = Firing(schedule=locked, scheduled_for=now, is_manual=True)
        refusal: Refusal | None = None
        if before and not force:
            refusal = StillRunning(before)
        else:
            refusal = start(locked, firing, by=by, now=now)
            firing.save()
        if locked.next_fire_at and _has_fired_enough(locked):
            locked.status, locked.next_fire_at = Schedule.Status.EXHAUSTED, None
        locked.save(update_fields=WRITTEN)
    if refusal:
        raise refusal
    return firing


# --- The end of a firing -----------------------------------------------------------------


def settle_ended() -> None:
    """Write down what became of firings whose task has ended, and start what waits for them."""
    ended = Firing.objects.just_ended().order_by().values_list("schedule_id", flat=True)
    for schedule_id in ended.distinct()[:MOST_AT_ONCE]:
        with transaction.atomic():
            rows = Schedule.objects.select_for_update(skip_locked=True, of=("self",))
            if schedule := rows.filter(pk=schedule_id).first():
                _settle(schedule, timezone.now())
                schedule.save(update_fields=WRITTEN)


def _settle(schedule: Schedule, now: datetime) -> None:
    ended = schedule.firings.just_ended().select_related("task")
    for firing in ended.order_by("pk"):
        task = firing.task  # selected with it: None if that was deleted
        firing.outcome = task.status if task else _outcome_of_run(firing)
        firing.ended_at = now
        if task and schedule.type == Schedule.Type.HEARTBEAT:
            _note_report(schedule, firing, task, now)
        firing.save(update_fields=["outcome", "ended_at", "report"])
        _count_failure(schedule, firing)
    waiting = schedule.firings.waiting().first()
    if waiting and not schedule.firings.going_on().exists():
        waiting.reason = ""
        start(schedule, waiting, by=FIRED_BY, now=now)
        waiting.save()
        if schedule.next_fire_at and _has_fired_enough(schedule):
            schedule.status, schedule.next_fire_at = Schedule.Status.EXHAUSTED, None


def _outcome_of_run(firing: Firing) -> str:
    """Return the status that the firing's workflow run ended with."""
    if firing.workflow_run is None:
        return "deleted"
    runs = WorkflowRun.objects.filter(pk=firing.workflow_run)
    return runs.values_list("status", flat=True).first() or "deleted"


def _note_report(schedule: Schedule, firing: Firing, task: Task, now: datetime) -> None:
    if firing.outcome != "completed":
        return
    firing.report = heartbeat.read_report(task.result)
    if firing.report["action_needed"]:
        schedule.suppression_count, schedule.last_action_at = 0, now
    else:
        schedule.suppression_count += 1


def _count_failure(schedule: Schedule, firing: Firing) -> None:
    if firing.outcome == "completed":
        schedule.failure_streak = 0
    elif firing.outcome == "failed":
        schedule.failure_streak += 1
        is_active = schedule.status == Schedule.Status.ACTIVE
        if is_active and schedule.failure_streak >= MAX_FAILURES:
            pause(schedule, f"{MAX_FAILURES} firings in a row failed.")
            _announce_pause(schedule)
            log.warning("Schedule %s: %s", schedule.pk, schedule.pause_reason)


def _announce_pause(schedule: Schedule) -> None:
    """Tell of a schedule that no person has paused."""
    event = OutboxEvent(
        type=OutboxType.SCHEDULE_PAUSED,
        project_id=schedule.project_id or "",
        title=schedule.name,
        message=f"The schedule {schedule.name} was paused: {schedule.pause_reason}",
        data=make_schedule_data(schedule.pk),
    )
    OutboxEvent.objects.add(event)
    transaction.on_commit(pubsub.publish_events)


def pause(schedule: Schedule, reason: str) -> None:
    """Stop firing; what waits for the end of another firing is left out.

    The caller holds the schedule's row and saves it.
    """
    schedule.status, schedule.pause_reason = Schedule.Status.PAUSED, reason
    schedule.next_fire_at = None
    schedule.firings.waiting().update(
        status=Firing.Status.SKIPPED, reason=f"The schedule was paused: {reason}"
    )
