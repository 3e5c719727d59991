"""The line under a task's log, by which an operator talks to its agent."""

import pytest
from django.urls import reverse
from django.utils import timezone

from tasks.models import Message, Run, Task
from tests.factories import RunFactory, TaskFactory
from tests.tasks.admin.pages import login_operator, page, press
from tests.tasks.api.test_messages import finished

pytestmark = pytest.mark.django_db

PAGE = "tasks_task_log"
BY_SCRIPT = {"X-Requested-With": "fetch"}


def line_of(task):
    return reverse("admin:tasks_task_tell", args=[task.pk])


def test_a_line_is_sent_by_the_user_and_comes_back_to_the_page(admin_client):
    task = RunFactory(status=Run.Status.RUNNING).task
    assert line_of(task) in page(admin_client, PAGE, task.pk)
    text = press(admin_client, line_of(task), text="The other file!")
    message = Message.objects.get()
    assert (message.task, message.text, message.by) == (
        task,
        "The other file!",
        "admin",
    )
    assert "The other file!" in text  # in the log


def test_a_finished_task_goes_on_and_says_if_nobody_is_there_for_it(admin_client):
    task = finished()
    text = press(admin_client, line_of(task), text="Now in French.")
    task.refresh_from_db()
    assert task.status == Task.Status.RUNNING
    assert "No worker" in text
    assert "Follow-up started" in text


def test_the_script_is_told_whether_a_run_was_started(admin_client):
    for task, follow_up in ((finished(), True), (RunFactory().task, False)):
        response = admin_client.post(line_of(task), {"text": "x"}, headers=BY_SCRIPT)
        assert response.json() == {"error": "", "followUp": follow_up}


@pytest.mark.parametrize(
    ("make", "text", "reason"),
    [
        (lambda: RunFactory().task, "  ", "nothing in the message"),
        (lambda: RunFactory().task, "x" * 10_001, "at most 10,000 characters"),
        (
            lambda: TaskFactory(status=Task.Status.FAILED),
            "x",
            "Run again starts it afresh",
        ),
        (lambda: finished(max_budget_microdollars=0), "x", "budget"),
    ],
)
def test_what_cannot_be_sent_says_why_and_changes_nothing(
    admin_client, make, text, reason
):
    task = make()
    assert reason in press(admin_client, line_of(task), text=text)
    response = admin_client.post(line_of(task), {"text": text}, headers=BY_SCRIPT)
    assert (response.status_code, reason in response.json()["error"]) == (400, True)
    assert not Message.objects.exists()


def test_who_may_only_look_is_offered_no_line(client):
    login_operator(client, "view_task")
    task = RunFactory().task
    assert line_of(task) not in page(client, PAGE, task.pk)
    assert client.post(line_of(task), {"text": "x"}).status_code == 403
    assert not Message.objects.exists()


def test_a_task_that_is_gone_is_not_found(admin_client):
    task = RunFactory().task
    url = line_of(task)
    task.delete()
    assert admin_client.post(url, {"text": "x"}).status_code == 404


def test_the_tab_of_messages_shows_what_was_said_and_what_has_arrived(admin_client):
    task = TaskFactory()
    for number, text in enumerate(("Use <b>euros</b>.", "Hurry up."), 1):
        Message.objects.create(task=task, sequence=number, text=text, by="ada")
    Message.objects.filter(sequence=1).update(delivered_at=timezone.now())
    url = reverse("admin:tasks_task_messages", args=[task.pk])
    text = admin_client.get(url).content.decode()
    newest, older = text.split("<li><p")[1:3]
    assert "Hurry up." in newest
    assert "not delivered yet" in newest
    assert "Use &lt;b&gt;euros" in older
    assert "the agent got it" in older
