"""The command `schedules`: what fires when, and what came of it."""

import pytest

from tasks.models import Schedule, Task
from tests.factories import ScheduleFactory
from tests.ledger.factories import BudgetFactory
from tests.tasks.management.commands import manage
from tests.tasks.schedules.due import due_schedule, end, fire

pytestmark = pytest.mark.django_db


def test_schedules_are_listed_with_their_next_time():
    due_schedule(name="Morning report")
    ScheduleFactory(name="Resting", status="paused")
    heading, resting, morning = manage("schedules").lines
    assert heading.split()[:4] == ["ID", "STATUS", "NAME", "INTERVAL"]
    assert "Morning report" in morning
    assert "2026-06-01 12:00" in morning
    assert "paused" in resting


def test_without_any_it_says_so():
    assert manage("schedules").err == "No schedules yet.\n"
    assert manage("schedules", "--status", "paused").err.startswith("No schedule is")


def test_json_is_what_the_api_answers(api):
    schedule = due_schedule()
    fire(schedule)
    one = manage("schedules", schedule.pk, "--json").json
    assert one == api.get(f"/api/schedules/{schedule.pk}").json()
    listed = manage("schedules", "--json").json
    assert listed == api.get("/api/schedules?limit=9").json()


def test_one_is_shown_with_its_firings():
    schedule = due_schedule()
    fired = end(fire(schedule))
    shown = manage("schedules", str(schedule.pk)[:13]).out
    assert f"#1  2026-06-01 12:00  started completed  {fired.task_id}" in shown
    assert "Next: " in shown


def test_run_now_pause_and_resume():
    schedule = due_schedule()
    assert manage("schedules", schedule.pk, "--run-now").code == 0
    assert Task.objects.get().schedule == schedule
    assert "Paused by manage.py" in manage("schedules", schedule.pk, "--pause").out
    again = manage("schedules", schedule.pk, "--pause")
    assert (again.code, "Can only pause an active schedule" in again.err) == (1, True)
    assert manage("schedules", schedule.pk, "--resume").code == 0
    assert Schedule.objects.get().status == "active"


def test_what_is_refused_is_said_with_exit_code_1():
    BudgetFactory(limit_microdollars=0)
    schedule = due_schedule()
    refused = manage("schedules", schedule.pk, "--run-now")
    assert (refused.code, "used up" in refused.err) == (1, True)


def test_a_verb_needs_a_schedule_and_an_id_one_that_is_there():
    assert manage("schedules", "--pause").code == 2
    assert manage("schedules", "00000000-0000").code == 2
