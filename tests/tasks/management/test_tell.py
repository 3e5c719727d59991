"""The command `tell`."""

import pytest

from tasks.models import Message, Run, Task
from tests.factories import DocumentFactory, RunFactory, TaskFactory
from tests.tasks.api.test_messages import finished
from tests.tasks.management.commands import manage

pytestmark = pytest.mark.django_db


def test_a_running_agent_is_told():
    run = RunFactory(status=Run.Status.RUNNING)
    result = manage("tell", str(run.task_id)[:20], "The other file!")
    assert result.code == 0, result.err
    assert "the agent gets it at its next step" in result.out
    message = Message.objects.get()
    assert (message.task, message.text) == (run.task, "The other file!")
    assert message.by.startswith("manage.py")


def test_a_finished_task_goes_on():
    task = finished()
    result = manage("tell", task.pk, "Now in French.")
    assert "goes on with it: attempt 2 on echo" in result.out
    task.refresh_from_db()
    assert task.status == Task.Status.RUNNING


def test_the_message_is_printed_as_the_api_shows_it():
    document = DocumentFactory()
    task = RunFactory(status=Run.Status.RUNNING).task
    shown = manage("tell", task.pk, "See.", "--document", document.pk, "--json").json
    assert (shown["text"], shown["documentIds"]) == ("See.", [document.pk])
    assert (shown["deliveredAt"], shown["followUp"]) == (None, False)


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["  "], "nothing in the message"),
        (["x" * 10_001], "at most 10,000 characters"),
        (["x", "--document", "nowhere"], "Document not found: nowhere"),
    ],
)
def test_what_is_no_message_is_not_sent(arguments, reason):
    task = RunFactory(status=Run.Status.RUNNING).task
    result = manage("tell", task.pk, *arguments)
    assert (result.code, reason in result.err) == (2, True)
    assert not Message.objects.exists()


def test_a_task_that_cannot_go_on_says_what_helps():
    result = manage("tell", TaskFactory(status=Task.Status.FAILED).pk, "Once more.")
    assert result.code == 1
    assert "manage.py execute --again ID" in result.err
