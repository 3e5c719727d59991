"""The commands `execute` and `resume`."""

import pytest

from ledger.models import Period, Scope
from tasks.api.representation.tasks import represent_task
from tasks.models import Run, Task
from tests.factories import (
    SessionFactory,
    TaskFactory,
)
from tests.ledger.factories import BudgetFactory, DailySpendFactory
from tests.tasks.management.commands import manage, status_of

pytestmark = pytest.mark.django_db


def test_a_planned_task_is_queued_and_started():
    task = TaskFactory()
    result = manage("execute", task.pk)
    assert "Queued and started" in result.out
    run = Run.objects.get(task=task)
    assert (status_of(task), run.status) == ("running", "queued")
    assert run.started_by.startswith("manage.py")


def test_a_queued_task_is_started():
    task = TaskFactory(status=Task.Status.QUEUED)
    assert manage("execute", task.pk).out.startswith("Started")
    assert status_of(task) == "running"


def test_a_planned_task_that_is_refused_stays_planned(settings):
    settings.STAGENT_ENABLE_ECHO = False
    task = TaskFactory()
    result = manage("execute", task.pk)
    assert (result.code, result.out) == (1, "")
    assert status_of(task) == "planned"
    assert not task.log.exists()


def test_a_budget_that_is_used_up_refuses():
    BudgetFactory(scope=Scope.OVERALL, period=Period.DAILY, limit_microdollars=1)
    DailySpendFactory(spent_microdollars=1)
    result = manage("execute", TaskFactory().pk)
    assert result.code == 1
    assert "is used up" in result.err


def test_executing_a_failed_task_names_the_way_to_resume_it():
    task = SessionFactory(task__status=Task.Status.FAILED, state="kept").task
    result = manage("execute", task.pk)
    assert result.code == 1
    assert f"manage.py resume {task.pk}" in result.err
    assert "manage.py execute --again" in result.err
    assert "PATCH" not in result.err


def test_a_finished_task_is_started_again_when_it_is_asked_for():
    task = TaskFactory(status=Task.Status.COMPLETED)
    assert manage("execute", task.pk).code == 1
    assert manage("execute", "--again", task.pk).out.startswith("Queued and started")
    assert status_of(task) == "running"


def test_of_several_tasks_one_that_is_refused_keeps_no_other_from_its_turn():
    first, refused, last = (
        TaskFactory(),
        TaskFactory(status=Task.Status.COMPLETED),
        TaskFactory(),
    )
    result = manage("execute", first.pk, refused.pk, last.pk)
    assert result.code == 1
    assert f"Error: {refused.pk}: Task must be queued" in result.err
    assert [status_of(task) for task in (first, refused, last)] == [
        "running",
        "completed",
        "running",
    ]


def test_of_several_exit_codes_the_greatest_is_returned():
    completed = TaskFactory(status=Task.Status.COMPLETED)
    result = manage("execute", completed.pk, "ffffffff")
    assert result.code == 2
    assert "2 of 2 tasks" in result.err


def test_what_was_executed_as_json():
    task, refused = TaskFactory(), TaskFactory(status=Task.Status.COMPLETED)
    shown = manage("execute", "--json", task.pk, refused.pk).json
    assert shown[0] == represent_task(task.pk)
    assert shown[1]["id"] == str(refused.pk)
    assert "must be queued" in shown[1]["error"]


def test_a_failed_task_is_resumed_from_its_checkpoint():
    task = TaskFactory(status=Task.Status.FAILED)
    session = SessionFactory(task=task, state='{"line": 1}')
    result = manage("resume", task.pk)
    assert result.out.startswith("Resumed")
    run = Run.objects.get(task=task)
    assert (run.session, run.is_resume) == (session, True)


def test_a_task_without_a_checkpoint_is_not_resumed():
    result = manage("resume", TaskFactory(status=Task.Status.FAILED).pk)
    assert result.code == 1
    assert "No session to resume" in result.err
