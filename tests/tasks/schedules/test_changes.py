"""Schedules are made, changed, paused, resumed and removed."""

from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from tasks.exceptions import Conflict
from tasks.models import Schedule, Task
from tasks.schedules import changes
from tasks.schedules.exceptions import NeverFires
from tests.factories import DocumentFactory, ScheduleFactory
from tests.tasks.schedules.due import HOUR, NOON, due_schedule, fire

pytestmark = pytest.mark.django_db


def made(now=NOON, **fields):
    fields = {"name": "Report", "cron_expression": "0 * * * *", **fields}
    return changes.create(Schedule(**fields), now=now)


def test_a_new_schedule_has_its_first_time():
    assert made().next_fire_at == NOON + HOUR
    late = made(cron_expression="0 9 * * *", timezone="America/New_York")
    assert late.next_fire_at == NOON + HOUR  # 09:00 in New York


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"expires_at": NOON + timedelta(minutes=30)}, "expires_at"),
        ({"expires_at": NOON}, "expires_at"),
        (
            {
                "cron_expression": "0 3 * * *",
                "active_hours_start": 9,
                "active_hours_end": 17,
            },
            "active_hours_start",
        ),
        ({"cron_expression": ""}, "interval"),
    ],
)
def test_a_schedule_that_would_never_fire_is_refused(fields, field):
    with pytest.raises(NeverFires) as refused:
        made(**fields)
    assert refused.value.field == field
    assert not Schedule.objects.exists()


@pytest.mark.parametrize(
    ("start", "end", "hours"),
    [
        (9, 12, [9, 10, 11]),
        (22, 2, [0, 1, 22, 23]),
        (5, 5, list(range(24))),
        (None, None, list(range(24))),
    ],
)
def test_a_heartbeat_fires_within_its_active_hours(start, end, hours):
    schedule = ScheduleFactory(active_hours_start=start, active_hours_end=end)
    found = changes.plan.next_fire_times(schedule, NOON, len(hours))
    assert sorted(moment.hour for moment in found) == hours


def test_active_hours_are_those_of_their_zone():
    schedule = made(
        active_hours_start=8, active_hours_end=9, active_timezone="Asia/Tokyo"
    )
    assert schedule.next_fire_at == datetime(2026, 6, 1, 23, tzinfo=UTC)


def test_the_next_active_hour_after_the_last_one_of_a_month_is_in_the_next():
    schedule = made(
        now=datetime(2026, 8, 31, 23, 30, tzinfo=UTC),
        active_hours_start=9,
        active_hours_end=12,
    )
    assert schedule.next_fire_at == datetime(2026, 9, 1, 9, tzinfo=UTC)


def test_a_paused_schedule_has_no_next_time_and_resumes_from_now():
    schedule = due_schedule(failure_streak=2)
    changes.pause(schedule, by="ada")
    schedule.refresh_from_db()
    assert (schedule.status, schedule.next_fire_at) == ("paused", None)
    assert schedule.pause_reason == "Paused by ada."
    assert fire(schedule) is None
    changes.resume(schedule, by="ada")
    schedule.refresh_from_db()
    assert (schedule.status, schedule.pause_reason) == ("active", "")
    assert schedule.next_fire_at > timezone.now()
    assert schedule.failure_streak == 0
    assert not Task.objects.exists()


def test_pausing_leaves_out_what_waits():
    schedule = due_schedule(overlap="queue")
    fire(schedule)
    waiting = fire(schedule, NOON + HOUR)
    changes.pause(schedule, by="ada")
    waiting.refresh_from_db()
    assert (waiting.status, waiting.reason) == (
        "skipped",
        "The schedule was paused: Paused by ada.",
    )


@pytest.mark.parametrize(
    ("status", "verb", "message"),
    [
        ("paused", changes.pause, "Can only pause an active schedule"),
        ("exhausted", changes.pause, "Can only pause an active schedule"),
        ("active", changes.resume, "Can only resume a paused schedule"),
        ("exhausted", changes.resume, "Can only resume a paused schedule"),
    ],
)
def test_only_active_ones_are_paused_and_only_paused_ones_resumed(
    status, verb, message
):
    schedule = ScheduleFactory(status=status)
    with pytest.raises(Conflict, match=message):
        verb(schedule, by="ada")


def test_what_has_expired_or_has_no_interval_cannot_be_resumed():
    for fields in (
        {"cron_expression": ""},
        {"expires_at": timezone.now() - HOUR},
    ):
        schedule = ScheduleFactory(status="paused", **fields)
        with pytest.raises(NeverFires):
            changes.resume(schedule, by="ada")
        schedule.refresh_from_db()
        assert schedule.status == "paused"


def test_a_new_interval_plans_anew_but_not_while_paused():
    active, paused = due_schedule(), ScheduleFactory(status="paused")
    for schedule in (active, paused):
        cron = {"cron_expression": "30 9 * * *"}
        changes.change(schedule.pk, cron, by="ada")
        schedule.refresh_from_db()
    assert (active.next_fire_at.hour, active.next_fire_at.minute) == (9, 30)
    assert active.next_fire_at > timezone.now()
    assert paused.next_fire_at is None


def test_another_name_leaves_the_next_time_as_it_is():
    schedule = due_schedule()
    changes.change(schedule.pk, {"name": "Digest"}, by="ada")
    schedule.refresh_from_db()
    assert (schedule.name, schedule.next_fire_at) == ("Digest", NOON)


def test_its_tasks_stay_when_it_is_removed():
    schedule = due_schedule()
    schedule.documents.set([DocumentFactory()])
    fire(schedule)
    changes.remove(schedule.pk)
    task = Task.objects.get()
    assert (task.schedule, task.status) == (None, "running")
    assert not Schedule.objects.exists()
