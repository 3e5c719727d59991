"""What comes of a schedule that is due: a task, or a row that says why there is none."""

from datetime import timedelta

import pytest

from ledger.budgets import BudgetExceeded
from ledger.models import Reservation
from tasks.models import Firing, Task
from tasks.schedules import firing
from tasks.schedules.exceptions import StillRunning
from tests.factories import DocumentFactory, ProjectFactory
from tests.ledger.factories import BudgetFactory
from tests.tasks.schedules.due import (
    HOUR,
    NOON,
    due_schedule,
    end,
    fail_in_a_row,
    fire,
)

pytestmark = pytest.mark.django_db


def test_a_due_schedule_starts_a_task_and_plans_its_next_time():
    project, document = ProjectFactory(), DocumentFactory()
    schedule = due_schedule(name="Morning report", project=project)
    schedule.documents.set([document])
    fired = fire(schedule)
    task = Task.objects.get()
    assert (fired.status, fired.number, fired.task) == ("started", 1, task)
    assert task.title == "Morning report (run #1)"
    assert (task.status, task.priority) == (Task.Status.RUNNING, 2)
    assert (task.project, task.schedule) == (project, schedule)
    assert (task.description, list(task.documents.all())) == (
        "finish: done",
        [document],
    )
    assert task.runs.get().status == "queued"
    assert (schedule.next_fire_at, schedule.firing_count) == (NOON + HOUR, 1)
    assert schedule.last_fired_at == NOON


def test_each_firing_gets_the_documents_and_none_takes_them_away():
    schedule = due_schedule()
    schedule.documents.set([DocumentFactory()])
    end(fire(schedule))
    fire(schedule, NOON + HOUR)
    assert [task.documents.count() for task in Task.objects.all()] == [1, 1]


def test_a_schedule_that_is_not_due_or_paused_does_not_fire():
    assert fire(due_schedule(at=NOON + HOUR)) is None
    assert fire(due_schedule(status="paused", at=None)) is None


def test_a_time_is_fired_once_however_often_it_comes():
    """As where the clock is set back, or an interval is changed and changed back."""
    schedule = due_schedule()
    end(fire(schedule))
    schedule.next_fire_at = NOON
    schedule.save()
    fire(schedule, NOON)
    assert Task.objects.count() == schedule.firings.count() == 1
    assert schedule.next_fire_at == NOON + HOUR


def test_with_a_clock_that_was_set_back_the_next_time_is_a_later_one():
    schedule = due_schedule()
    firing._plan_next(schedule, NOON - 5 * HOUR)
    assert schedule.next_fire_at == NOON + HOUR


# --- Overlap -----------------------------------------------------------------------------------


def test_while_the_firing_before_runs_the_next_is_skipped():
    schedule = due_schedule()
    first = fire(schedule)
    second = fire(schedule, NOON + HOUR)
    assert (second.status, second.task) == ("skipped", None)
    assert second.reason == "Firing #1 was still running."
    assert schedule.next_fire_at == NOON + 2 * HOUR  # it goes on
    end(first)
    assert fire(schedule, NOON + 2 * HOUR).number == 2


def test_a_rename_loses_neither_the_guard_nor_the_history():
    schedule, namesake = due_schedule(name="Report"), due_schedule(name="Report")
    fire(schedule)
    schedule.name = "Digest"
    schedule.save()
    assert fire(schedule, NOON + HOUR).status == "skipped"
    assert schedule.firings.count() == 2
    assert fire(namesake, NOON + HOUR).status == "started"


def test_a_queued_firing_starts_when_the_one_before_has_ended_and_no_more_than_one_waits():
    schedule = due_schedule(overlap="queue")
    first = fire(schedule)
    second = fire(schedule, NOON + HOUR)
    third = fire(schedule, NOON + 2 * HOUR)
    assert (second.status, third.status) == ("waiting", "skipped")
    assert "Another one waits" in third.reason
    end(first)
    second.refresh_from_db()
    assert (second.status, second.number, second.reason) == ("started", 2, "")
    assert Task.objects.get(pk=second.task_id).status == Task.Status.RUNNING


@pytest.mark.parametrize(
    "status", [Task.Status.COMPLETED, Task.Status.FAILED, Task.Status.CANCELLED]
)
def test_the_end_of_its_task_is_the_outcome_of_a_firing(status):
    fired = end(fire(due_schedule()), status)
    assert (fired.outcome, fired.ended_at is None) == (status, False)


def test_the_firing_of_a_deleted_task_is_over_and_keeps_its_row():
    schedule = due_schedule()
    fired = fire(schedule)
    Task.objects.get(pk=fired.task_id).delete()
    firing.settle_ended()
    fired.refresh_from_db()
    assert fired.outcome == "deleted"
    assert fire(schedule, NOON + HOUR).status == "started"


# --- Downtime ----------------------------------------------------------------------------------


def test_after_a_time_without_workers_it_fires_once_and_says_so():
    schedule = due_schedule()
    fired = fire(schedule, NOON + 5.5 * HOUR)
    assert (fired.status, fired.scheduled_for) == ("started", NOON)
    assert "no worker ran" in fired.reason
    assert schedule.next_fire_at == NOON + 6 * HOUR
    assert Task.objects.count() == 1


def test_with_catchup_none_what_was_missed_is_a_row_without_a_task():
    schedule = due_schedule(catchup="none")
    missed = fire(schedule, NOON + 5.5 * HOUR)
    assert (missed.status, missed.task) == ("missed", None)
    assert schedule.next_fire_at == NOON + 6 * HOUR
    assert not Task.objects.exists()


def test_with_catchup_none_the_time_that_is_now_still_fires():
    schedule = due_schedule(catchup="none")
    just_after = NOON + 5 * HOUR + timedelta(seconds=3)
    assert fire(schedule, just_after).status == "missed"
    assert schedule.next_fire_at == NOON + 5 * HOUR
    assert fire(schedule, just_after).status == "started"


# --- The last firing ---------------------------------------------------------------------------


def test_it_is_exhausted_after_max_firings():
    schedule = due_schedule(max_firings=2)
    end(fire(schedule))
    assert schedule.status == "active"
    fire(schedule, NOON + HOUR)
    assert (schedule.status, schedule.next_fire_at) == ("exhausted", None)


def test_skipped_firings_do_not_count_towards_the_most():
    schedule = due_schedule(max_firings=2)
    fire(schedule)
    fire(schedule, NOON + HOUR)
    assert (schedule.firing_count, schedule.status) == (1, "active")


def test_a_one_shot_fires_once():
    schedule = due_schedule(recurs=False)
    fire(schedule)
    assert (schedule.status, schedule.next_fire_at) == ("exhausted", None)


def test_it_ends_when_its_next_time_is_past_its_expiry():
    schedule = due_schedule(expires_at=NOON + HOUR)
    assert fire(schedule).status == "started"
    assert (schedule.status, schedule.next_fire_at) == ("exhausted", None)


def test_a_waiting_firing_may_be_the_last():
    schedule = due_schedule(overlap="queue", max_firings=2)
    first = fire(schedule)
    fire(schedule, NOON + HOUR)
    end(first)
    schedule.refresh_from_db()
    assert (schedule.status, schedule.firing_count) == ("exhausted", 2)


# --- Refusals and failures -----------------------------------------------------------------------


def test_a_firing_that_a_budget_refuses_makes_no_task_and_says_why():
    BudgetFactory(limit_microdollars=0)
    schedule = due_schedule()
    refused = fire(schedule)
    assert (refused.status, refused.task, refused.number) == ("refused", None, None)
    assert "is used up" in refused.reason
    assert not Task.objects.exists()
    assert not Reservation.objects.exists()
    assert (schedule.firing_count, schedule.next_fire_at) == (0, NOON + HOUR)
    assert (schedule.status, schedule.failure_streak) == ("active", 0)


def test_a_firing_whose_runtime_is_not_ready_makes_no_task_and_says_what_mends_it(
    monkeypatch,
):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    refused = fire(due_schedule(assigned_agent="openai-direct"))
    assert refused.status == "refused"
    assert "OPENAI_API_KEY" in refused.reason
    assert not Task.objects.exists()


def test_three_failures_in_a_row_pause_it_and_it_says_so():
    schedule = due_schedule(overlap="queue")
    fail_in_a_row(schedule, 2)
    assert schedule.status == "active"
    third = fire(schedule, NOON + 2 * HOUR)
    waiting = fire(schedule, NOON + 3 * HOUR)
    end(third, Task.Status.FAILED)
    schedule.refresh_from_db()
    assert (schedule.status, schedule.next_fire_at) == ("paused", None)
    assert schedule.pause_reason == "3 firings in a row failed."
    waiting.refresh_from_db()
    assert waiting.status == "skipped"
    assert "paused" in waiting.reason
    assert Task.objects.count() == 3


def test_a_completed_firing_breaks_the_row_of_failures():
    schedule = due_schedule()
    fail_in_a_row(schedule, 2)
    end(fire(schedule, NOON + 2 * HOUR))
    fail_in_a_row(schedule, 2, NOON + 3 * HOUR)
    assert (schedule.status, schedule.failure_streak) == ("active", 2)


def test_a_failure_that_the_next_firing_sees_first_pauses_it_too():
    schedule = due_schedule()
    fail_in_a_row(schedule, 2)
    third = fire(schedule, NOON + 2 * HOUR)
    Task.objects.filter(pk=third.task_id).update(status=Task.Status.FAILED)
    fire(schedule, NOON + 3 * HOUR)
    assert schedule.status == "paused"
    assert Task.objects.count() == 3


def test_a_time_zone_that_went_pauses_its_schedule_alone(monkeypatch):
    schedule = due_schedule()
    monkeypatch.setattr("tasks.schedules.clock.zone_names", lambda: frozenset())
    fire(schedule)
    assert schedule.status == "paused"
    assert "does not know the time zone" in schedule.pause_reason


# --- Run now -----------------------------------------------------------------------------------


@pytest.mark.parametrize("status", ["active", "paused", "exhausted"])
def test_a_person_may_run_it_now_whatever_its_status(status):
    at = NOON if status == "active" else None
    schedule = due_schedule(status=status, at=at)
    fired = firing.fire_now(schedule, by="ada")
    schedule.refresh_from_db()
    assert (fired.is_manual, fired.number, fired.status) == (True, 1, "started")
    assert fired.task.created_by == "ada"
    assert (schedule.status, schedule.next_fire_at) == (status, at)


def test_run_now_beside_a_running_firing_has_to_be_forced():
    schedule = due_schedule()
    fire(schedule)
    with pytest.raises(StillRunning, match="Firing #1"):
        firing.fire_now(schedule, by="ada")
    assert firing.fire_now(schedule, by="ada", force=True).number == 2


def test_run_now_that_is_refused_has_a_row_and_raises():
    BudgetFactory(limit_microdollars=0)
    with pytest.raises(BudgetExceeded):
        firing.fire_now(due_schedule(), by="ada")
    refused = Firing.objects.get()
    assert (refused.status, refused.is_manual) == ("refused", True)
    assert not Task.objects.exists()
