"""Tasks are started and stopped in the admin, as over the API."""

from uuid import uuid4

import pytest
from django.urls import reverse

from tasks.models import LogEntry, Run, Task
from tests.factories import (
    PermissionRequestFactory,
    RunFactory,
    SessionFactory,
    TaskFactory,
    WorkerFactory,
)
from tests.ledger.factories import BudgetFactory
from tests.tasks.admin.pages import login_operator, page, press, select

pytestmark = pytest.mark.django_db

PAGE = "tasks_task_change"


def do(client, task, verb):
    """Press a button of the task's page, and return the page that follows."""
    text = press(client, reverse("admin:tasks_task_do", args=[task.pk, verb]))
    task.refresh_from_db()
    return text


@pytest.mark.parametrize(
    ("status", "verbs"),
    [
        (Task.Status.PLANNED, {"execute", "queue", "cancel"}),
        (Task.Status.QUEUED, {"execute", "cancel"}),
        (Task.Status.RUNNING, {"cancel"}),
        (Task.Status.COMPLETED, {"run_again", "queue"}),
        (Task.Status.FAILED, {"resume", "run_again", "queue"}),
        (Task.Status.CANCELLED, {"resume", "run_again", "queue"}),
    ],
)
def test_a_page_offers_what_the_status_allows(admin_client, status, verbs):
    task = SessionFactory(task__status=status, state="kept").task
    text = page(admin_client, PAGE, task.pk)
    all_verbs = ("execute", "resume", "run_again", "queue", "cancel")
    urls = {
        verb: reverse("admin:tasks_task_do", args=[task.pk, verb]) for verb in all_verbs
    }
    assert {verb for verb, url in urls.items() if url in text} == verbs


def test_resume_is_offered_only_where_it_can_work(admin_client):
    never_kept = TaskFactory(status=Task.Status.FAILED)
    resumed_out = SessionFactory(
        task__status=Task.Status.FAILED, task__resume_count=3, state="kept"
    ).task
    for task in (never_kept, resumed_out):
        url = reverse("admin:tasks_task_do", args=[task.pk, "resume"])
        assert url not in page(admin_client, PAGE, task.pk)


@pytest.mark.parametrize(
    "status", [Task.Status.COMPLETED, Task.Status.FAILED, Task.Status.CANCELLED]
)
def test_a_finished_task_runs_again_in_one_step(admin_client, status):
    task = TaskFactory(status=status, resume_count=3)
    assert "Started afresh" in do(admin_client, task, "run_again")
    assert (task.status, task.resume_count) == (Task.Status.RUNNING, 0)
    assert Run.objects.get().started_by == "admin"


def test_a_finished_task_that_cannot_run_again_stays_as_it_was(admin_client):
    BudgetFactory(limit_microdollars=0)
    task = TaskFactory(status=Task.Status.COMPLETED, result="done")
    assert "used up" in do(admin_client, task, "run_again")
    assert (task.status, task.result) == (Task.Status.COMPLETED, "done")
    assert not task.log.exists()


def test_selected_tasks_run_again(admin_client):
    tasks = [TaskFactory(status=Task.Status.COMPLETED) for _ in range(2)]
    select(admin_client, "task", "run_again_selected", *tasks)
    assert Run.objects.count() == 2


def test_a_refusal_speaks_of_buttons(admin_client):
    task = TaskFactory(status=Task.Status.COMPLETED)
    text = do(admin_client, task, "execute")
    assert "Press Run again." in text
    assert "PATCH" not in text


@pytest.mark.parametrize("status", [Task.Status.PLANNED, Task.Status.QUEUED])
def test_executing_starts_an_agent_in_the_users_name(admin_client, status):
    task = TaskFactory(status=status)
    assert "Started" in do(admin_client, task, "execute")
    assert task.status == Task.Status.RUNNING
    assert Run.objects.get().started_by == "admin"


def test_a_planned_task_that_cannot_start_stays_planned(admin_client):
    BudgetFactory(limit_microdollars=0)
    task = TaskFactory()
    assert "is used up" in do(admin_client, task, "execute")
    assert task.status == Task.Status.PLANNED
    assert not LogEntry.objects.exists()


@pytest.mark.parametrize(
    "status",
    [
        Task.Status.PLANNED,
        Task.Status.FAILED,
        Task.Status.COMPLETED,
        Task.Status.CANCELLED,
    ],
)
def test_queueing_works_from_every_status_at_rest(admin_client, status):
    task = TaskFactory(status=status)
    do(admin_client, task, "queue")
    assert task.status == Task.Status.QUEUED


def test_resuming_goes_on_from_a_checkpoint(admin_client):
    task = TaskFactory(status=Task.Status.FAILED)
    assert "No session to resume" in do(admin_client, task, "resume")
    SessionFactory(task=task, state='{"line": 1}')
    do(admin_client, task, "resume")
    assert task.status == Task.Status.RUNNING


def test_a_verb_is_no_link(admin_client):
    url = reverse("admin:tasks_task_do", args=[TaskFactory().pk, "cancel"])
    assert admin_client.get(url).status_code == 405


def test_a_verb_that_is_none_or_a_task_that_is_none_is_not_found(admin_client):
    task = TaskFactory()
    url = reverse("admin:tasks_task_do", args=[task.pk, "explode"])
    assert admin_client.post(url).status_code == 404
    url = reverse("admin:tasks_task_do", args=[uuid4(), "cancel"])
    assert admin_client.post(url).status_code == 404


def test_selected_tasks_are_executed_and_the_others_named_with_the_reason(admin_client):
    ready = [TaskFactory(), TaskFactory(status=Task.Status.QUEUED)]
    done = TaskFactory(title="Ancient", status=Task.Status.COMPLETED)
    text = select(admin_client, "task", "execute_selected", *ready, done)
    assert "Started: 2 of 3 tasks." in text
    assert "Execute was refused for Ancient: Task must be queued" in text
    assert Run.objects.count() == 2


def test_selected_tasks_are_resumed_and_cancelled(admin_client):
    failed = TaskFactory(status=Task.Status.FAILED)
    SessionFactory(task=failed, state='{"line": 1}')
    assert "Resumed: 1 of 1" in select(admin_client, "task", "resume_selected", failed)
    planned = TaskFactory()
    assert "Cancel requested: 1 of 1" in select(
        admin_client, "task", "cancel_selected", planned
    )
    planned.refresh_from_db()
    assert planned.status == Task.Status.CANCELLED


def test_who_may_only_look_sees_no_buttons_and_presses_none(client):
    login_operator(client, "view_task")
    run = RunFactory(status=Run.Status.RUNNING)
    PermissionRequestFactory(run=run)
    task = run.task
    text = page(client, PAGE, task.pk)
    assert "The agent asks for permission" in text
    assert 'name="decision"' not in text
    assert reverse("admin:tasks_task_do", args=[task.pk, "cancel"]) not in text
    assert "$2.00" in text
    url = reverse("admin:tasks_task_do", args=[task.pk, "cancel"])
    assert client.post(url).status_code == 403
    task.refresh_from_db()
    assert task.status == Task.Status.RUNNING


@pytest.mark.parametrize("is_there", [False, True])
def test_a_start_that_no_worker_takes_up_says_so(admin_client, is_there):
    if is_there:
        WorkerFactory()
    task = TaskFactory()
    told = do(admin_client, task, "execute")
    for text in (told, page(admin_client, PAGE, task.pk)):
        assert ("No worker is running" in text) is not is_there


def test_a_finished_task_shows_what_ran_it(admin_client):
    run = RunFactory(
        status="completed",
        runtime="ollama",
        profile="researcher",
        task__status="completed",
    )
    assert run.task.assigned_agent == ""
    listed = admin_client.get(reverse("admin:tasks_task_changelist")).content.decode()
    for text in (listed, page(admin_client, PAGE, run.task_id)):
        assert "Ollama" in text
        assert "Researcher" in text
