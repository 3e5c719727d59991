"""How long the firings of schedules are kept."""

from datetime import UTC, datetime, timedelta
from itertools import count
from uuid import UUID

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tasks.models import Firing
from tasks.models.ids import first_id_at, new_id
from tasks.schedules import retention
from tasks.schedules.retention import KEPT, remove_old_firings
from tests.factories import ScheduleFactory, TaskFactory

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 6, 1, tzinfo=UTC)
OLD = NOW - timedelta(days=200)
_numbers = count()  # of firings, so that no two have the same id


def firings_of(schedule, number, *, since=OLD, **fields):
    """Make a firing a minute, each with the id that it would have had then."""
    given = {"status": "skipped", **fields}
    Firing.objects.bulk_create(
        Firing(
            id=UUID(int=first_id_at(at).int + next(_numbers)),
            schedule=schedule,
            scheduled_for=at,
            **given,
        )
        for n, at in ((n, since + timedelta(minutes=n)) for n in range(number))
    )


def remove_all():
    while remove_old_firings(NOW):
        pass


def test_ids_sort_by_the_time_they_were_made():
    second = timedelta(seconds=1)
    now = datetime.now(UTC)
    assert first_id_at(now - second) < new_id() < first_id_at(now + second)


def test_old_ones_go_but_for_the_last_of_each_schedule():
    busy, rare = ScheduleFactory(), ScheduleFactory()
    firings_of(busy, 100)
    firings_of(busy, 30, since=NOW - timedelta(days=1))
    firings_of(rare, KEPT + 5)
    remove_all()
    assert busy.firings.count() == 30
    assert rare.firings.count() == KEPT
    assert rare.firings.last().scheduled_for == OLD + timedelta(minutes=5)


def test_what_still_goes_on_stays_however_old():
    schedule = ScheduleFactory()
    firings_of(schedule, 1, status="started", task=TaskFactory(status="running"))
    firings_of(schedule, 1, since=OLD + timedelta(minutes=1), status="waiting")
    firings_of(schedule, KEPT + 3, since=OLD + timedelta(minutes=2))
    remove_all()
    kept = schedule.firings.values_list("status", flat=True)
    assert sorted(kept) == ["skipped"] * KEPT + ["started", "waiting"]


def test_the_tasks_stay():
    schedule, task = ScheduleFactory(), TaskFactory()
    firings_of(schedule, 1, status="started", task=task, ended_at=OLD)
    firings_of(schedule, KEPT, since=OLD + timedelta(minutes=1))
    remove_all()
    task.refresh_from_db()
    assert schedule.firings.count() == KEPT


def test_a_look_removes_so_many_at_most(monkeypatch):
    monkeypatch.setattr(retention, "AT_ONCE", 10)
    schedule = ScheduleFactory()
    firings_of(schedule, KEPT + 25)
    assert remove_old_firings(NOW)
    assert schedule.firings.count() == KEPT + 15


def test_with_nothing_old_it_takes_one_statement():
    firings_of(ScheduleFactory(), 50, since=NOW)
    with CaptureQueriesContext(connection) as queries:
        assert not remove_old_firings(NOW)
    assert len(queries) == 1
