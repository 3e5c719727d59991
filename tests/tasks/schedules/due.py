"""Schedules that are due, and the ends of what they started."""

from datetime import UTC, datetime, timedelta

from tasks import lifecycle
from tasks.models import Schedule, Task
from tasks.schedules import firing
from tests.factories import ScheduleFactory

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def due_schedule(at=NOON, **fields):
    return ScheduleFactory(next_fire_at=at, **fields)


def fire(schedule, now=NOON):
    firing.fire_due(schedule.pk, now)
    schedule.refresh_from_db()
    return schedule.firings.first()


def end(fired, status=Task.Status.COMPLETED, **changes):
    """End a firing's task as somebody outside reports it, and let the sweep see it."""
    lifecycle.record_status(
        Task.objects.get(pk=fired.task_id), status, by="test", **changes
    )
    firing.settle_ended()
    fired.refresh_from_db()
    fired.schedule.refresh_from_db()
    return fired


def fail_in_a_row(schedule, count, start=NOON):
    for number in range(count):
        end(fire(schedule, start + number * HOUR), Task.Status.FAILED)
        schedule.refresh_from_db()


def reread(schedule):
    return Schedule.objects.get(pk=schedule.pk)
