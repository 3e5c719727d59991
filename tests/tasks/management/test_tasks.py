"""The command `tasks`: what there is, as a table or JSON."""

import pytest

from tasks.management.output import fit_to_width, measure_width
from tasks.models import Task
from tests.factories import (
    PermissionRequestFactory,
    ProjectFactory,
    TaskFactory,
)
from tests.tasks.management.commands import Terminal, manage

pytestmark = pytest.mark.django_db


def test_tasks_are_listed_by_priority_then_the_newest_first():
    TaskFactory(title="late", priority=3)
    TaskFactory(title="older", priority=1)
    TaskFactory(title="newer", priority=1)
    lines = manage("tasks").lines
    assert lines[0].split() == [
        "ID",
        "STATUS",
        "PRI",
        "TITLE",
        "PROJECT",
        "RUNTIME",
        "WAITING",
        "UPDATED",
    ]
    assert [line.split()[3] for line in lines[1:]] == ["newer", "older", "late"]


def test_the_table_shows_what_ran_a_task_and_what_it_waits_for():
    request = PermissionRequestFactory(
        run__task__project=ProjectFactory(name="Marketing")
    )
    row = manage("tasks").lines[1]
    assert row.startswith(str(request.task.pk))
    for text in (
        "running",
        "P2",
        request.task.title,
        "Marketing",
        "echo",
        "write_file",
        "0s ago",
    ):
        assert text in row


def test_no_line_of_the_table_is_wider_than_the_terminal(monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    tasks = [
        TaskFactory(title="四半期の売上の分析 " * 10),
        TaskFactory(title="x" * 200),
    ]
    lines = manage("tasks", stdout=Terminal()).lines
    assert all(measure_width(line) <= 80 for line in lines)
    for task, line in zip(reversed(tasks), lines[1:], strict=True):
        given = line.split()[0]
        assert str(task.pk).startswith(given)
        assert len(given) >= 13


def test_wide_characters_take_two_columns():
    assert fit_to_width("四半期", 7) == "四半期 "
    assert fit_to_width("四半期", 5) == "四半…"
    assert fit_to_width("四半期", 4) == "四… "


def test_a_pipe_gets_the_table_uncut():
    task = TaskFactory(title="x" * 200)
    assert manage("tasks").lines[1].split()[::3][:2] == [str(task.pk), "x" * 200]


def test_the_table_says_how_many_tasks_it_leaves_out():
    TaskFactory.create_batch(3)
    result = manage("tasks", "--limit", 2)
    assert len(result.lines) == 3
    assert "1 more: --limit 3" in result.err


def test_a_title_cannot_drive_the_terminal():
    TaskFactory(title="red\x1b[31m \x9b2J\nsecond line")
    out = manage("tasks").out
    assert "\x1b" not in out
    assert "\x9b" not in out
    assert len(out.splitlines()) == 2


def test_tasks_as_json_are_the_lists_of_the_api(api):
    TaskFactory.create_batch(3, project=ProjectFactory())
    assert manage("tasks", "--json").json == api.get("/api/tasks").json()
    assert (
        manage("tasks", "--json", "--limit", 1).json
        == api.get("/api/tasks?limit=1").json()
    )
    assert manage("tasks", "--json", "--status", "failed").json == []


def test_tasks_are_filtered_by_status_and_project():
    project = ProjectFactory(id="proj-8f3a-4b2c")
    wanted = TaskFactory(project=project, status=Task.Status.QUEUED)
    TaskFactory(project=project)
    TaskFactory(status=Task.Status.QUEUED)
    result = manage("tasks", "--json", "--status", "queued", "--project", "proj-8f3")
    assert [task["id"] for task in result.json] == [str(wanted.pk)]


def test_a_project_that_is_not_there_is_not_an_empty_list():
    result = manage("tasks", "--project", "proj-none")
    assert (result.code, result.out) == (2, "")
    assert "There is no project “proj-none”" in result.err


def test_waiting_tasks_come_with_the_way_to_answer():
    request = PermissionRequestFactory()
    TaskFactory()
    result = manage("tasks", "--waiting")
    assert request.message in result.out
    assert f"manage.py respond {request.pk} allow|deny" in result.out
    [task] = manage("tasks", "--waiting", "--json").json
    assert task["waitingFor"]["notificationId"] == request.pk
