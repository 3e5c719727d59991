"""The command `logs`, and following a log."""

import io
import json
import threading
from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone

from tasks.models import Run, Task
from tests.factories import (
    LogEntryFactory,
    RunFactory,
    TaskFactory,
)
from tests.tasks.management.commands import finish, manage

pytestmark = pytest.mark.django_db


def test_a_log_is_shown_in_lines():
    task = TaskFactory()
    LogEntryFactory(task=task, event_type="tool_use", message="Reading file: a.csv")
    LogEntryFactory(task=task, message="two\r\nlines\x1b[2J")
    entries = task.log.order_by("sequence")
    assert manage("logs", task.pk).lines == [
        f"{entries[0].recorded_at:%H:%M:%S} tool_use    Reading file: a.csv",
        f"{entries[1].recorded_at:%H:%M:%S} assistant   two",
        " " * 21 + "lines\N{REPLACEMENT CHARACTER}[2J",
    ]


@pytest.mark.parametrize("hidden", "\u200b\u034f\u2800\u3164\u202e\u00a0\x1b")
def test_nothing_hides_in_a_line(hidden):
    entry = LogEntryFactory(message=f"rm{hidden}x")
    [line] = manage("logs", entry.task.pk).lines
    assert line.endswith("rm\N{REPLACEMENT CHARACTER}x")


def test_a_log_as_json_is_what_the_api_streams():
    task = TaskFactory()
    entries = [LogEntryFactory(task=task, data={"toolName": "read"}) for _ in range(3)]
    assert manage("logs", task.pk, "--json").lines == [
        entry.as_json() for entry in entries
    ]
    assert manage("logs", task.pk, "--json", "--after", 2).lines == [
        entries[2].as_json()
    ]


def test_an_entry_is_one_line_to_readers_that_split_as_unicode_does():
    entry = LogEntryFactory(message="one\x85two\u2028three\u2029four")
    [line] = manage("logs", entry.task.pk, "--json").lines
    assert json.loads(line)["message"] == entry.message


def test_a_question_in_the_log_comes_with_the_way_to_answer():
    entry = LogEntryFactory(
        event_type="permission_request", data={"notificationId": "0199a3c4-7d21"}
    )
    assert (
        "manage.py respond 0199a3c4-7d21 allow|deny"
        in manage("logs", entry.task.pk).out
    )


@pytest.mark.parametrize("after", ["-1", "x", "1.5"])
def test_what_is_no_sequence_is_wrong_usage(after):
    with pytest.raises(CommandError, match="sequence"):
        call_command("logs", str(TaskFactory().pk), f"--after={after}")


def test_reading_the_log_of_a_failed_task_is_no_failure():
    assert manage("logs", TaskFactory(status=Task.Status.FAILED).pk).code == 0


@pytest.mark.parametrize(
    ("status", "code"), [("completed", 0), ("failed", 3), ("cancelled", 4)]
)
def test_following_a_log_tells_the_outcome(status, code):
    assert manage("logs", TaskFactory(status=status).pk, "--follow").code == code


class OnFirstLine(io.StringIO):
    """Has another thread act once something is shown, so the command is surely following."""

    def __init__(self, act):
        super().__init__()
        self.thread = threading.Thread(target=act)

    def flush(self):
        if self.thread.ident is None:
            self.thread.start()


@pytest.mark.django_db(transaction=True)
def test_a_log_is_followed_until_another_process_finishes_the_task():
    run = RunFactory(status=Run.Status.RUNNING)
    LogEntryFactory(task=run.task, message="begun")
    out = OnFirstLine(lambda: in_thread(finish, run))
    result = manage("logs", run.task.pk, "--follow", stdout=out)
    out.thread.join()
    assert result.code == 0
    assert [line[21:] for line in result.lines] == ["begun", "The report is written."]


@pytest.mark.django_db(transaction=True)
def test_several_tasks_are_followed_together():
    good, bad = (
        TaskFactory(status=Task.Status.QUEUED),
        TaskFactory(status=Task.Status.QUEUED),
    )

    def end_both():
        finish(Run.objects.get(task=good))
        finish(Run.objects.get(task=bad), Task.Status.FAILED, "It broke.")

    out = OnFirstLine(lambda: in_thread(end_both))
    result = manage("execute", good.pk, bad.pk, "--follow", "--json", stdout=out)
    out.thread.join()
    assert result.code == 3
    assert f"{bad.pk}: the task ended failed" in result.err
    entries = [json.loads(line) for line in result.lines]
    last = {entry["taskId"]: entry["message"] for entry in entries}
    assert last == {str(good.pk): "The report is written.", str(bad.pk): "It broke."}


def in_thread(act, *arguments):
    try:
        act(*arguments)
    finally:
        connection.close()


@pytest.mark.django_db(transaction=True)
def test_a_run_that_nobody_takes_is_mentioned_once():
    run = RunFactory()
    Run.objects.update(queued_at=timezone.now() - timedelta(minutes=1))
    LogEntryFactory(task=run.task)
    err = OnFirstLine(lambda: in_thread(finish, run))
    result = manage("logs", run.task.pk, "--follow", stderr=err)
    err.thread.join()
    assert result.err.count("No worker has taken") == 1
    assert "manage.py serve" in result.err
