"""The command `cancel`."""

import io
import sys

import pytest

from tasks.management.commands import cancel
from tasks.models import Run, Task
from tests.factories import ProjectFactory, RunFactory, TaskFactory
from tests.tasks.management.commands import Terminal, manage, status_of

pytestmark = pytest.mark.django_db


def test_a_run_that_a_worker_performs_is_asked_to_stop():
    run = RunFactory(status=Run.Status.RUNNING)
    result = manage("cancel", run.task.pk)
    assert result.out.startswith("Asked to stop")
    run.refresh_from_db()
    assert run.cancel_requested_at


def test_a_completed_task_is_not_cancelled():
    assert manage("cancel", TaskFactory(status=Task.Status.COMPLETED).pk).code == 1


def test_all_that_run_or_wait_to_run_are_cancelled():
    project = ProjectFactory()
    ours = TaskFactory(status=Task.Status.QUEUED, project=project)
    others = [TaskFactory(status=Task.Status.QUEUED), RunFactory().task]
    planned = TaskFactory(project=project)

    shown = manage("cancel", "--project", project.pk, "--yes", "--json").json
    assert [(task["id"], task["status"]) for task in shown] == [
        (str(ours.pk), "cancelled")
    ]
    assert [status_of(task) for task in others] == ["queued", "running"]

    assert len(manage("cancel", "--all", "--yes").lines) == 2
    assert [status_of(task) for task in (*others, planned)] == [
        "cancelled",
        "cancelled",
        "planned",
    ]


@pytest.mark.parametrize("scope", ["--all", "--project"])
def test_a_script_must_say_that_all_are_meant(monkeypatch, scope):
    monkeypatch.setattr(sys, "stdin", io.StringIO(""))
    task = TaskFactory(status=Task.Status.QUEUED, project=ProjectFactory())
    which = [scope] if scope == "--all" else [scope, task.project_id]
    result = manage("cancel", *which)
    assert result.code == 2
    assert "Add --yes" in result.err
    assert status_of(task) == "queued"
    assert manage("cancel", *which, "--yes").code == 0
    assert status_of(task) == "cancelled"


def test_it_waits_until_the_worker_has_confirmed(monkeypatch):
    task = RunFactory(status=Run.Status.RUNNING).task

    def confirm(seconds):
        Task.objects.filter(pk=task.pk).update(
            status=Task.Status.CANCELLED, live_run=None
        )

    monkeypatch.setattr(cancel.time, "sleep", confirm)
    (shown,) = manage("cancel", task.pk, "--json").json
    assert shown["status"] == "cancelled"


def test_it_says_so_where_no_worker_confirms(monkeypatch):
    monkeypatch.setattr(cancel, "WAIT_SECONDS", 0)
    task = RunFactory(status=Run.Status.RUNNING).task
    assert manage("cancel", task.pk).lines == [
        f"Asked to stop: {task.pk} “{task.title}”"
    ]


@pytest.mark.parametrize(
    ("answer", "code", "status"),
    [("y\n", 0, "cancelled"), ("\n", 1, "queued"), ("", 1, "queued")],
)
def test_on_a_terminal_cancelling_all_asks_first(monkeypatch, answer, code, status):
    monkeypatch.setattr(sys, "stdin", Terminal(answer))
    task = TaskFactory(status=Task.Status.QUEUED)
    result = manage("cancel", "--all")
    assert result.code == code
    assert "Cancel 1 task? [y/N]" in result.err
    assert status_of(task) == status


def test_where_nothing_runs_there_is_nothing_to_cancel():
    result = manage("cancel", "--all", "--json")
    assert (result.code, result.json) == (0, [])


@pytest.mark.parametrize(
    "arguments", [[], ["0199a3c4", "--all"], ["0199a3c4", "--project", "x"]]
)
def test_either_tasks_are_named_or_all_are_meant(arguments):
    assert manage("cancel", *arguments).code == 2
