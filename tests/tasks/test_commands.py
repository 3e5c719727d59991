"""The commands for administrators: what they do, say and return."""

import io
import json
import signal
import subprocess
import sys
import threading
from dataclasses import dataclass
from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone

from ledger.models import Period, Scope
from tasks import endings, representation
from tasks.endings import Outcome
from tasks.management.output import fit, width_of
from tasks.models import (
    ApiToken,
    PermissionRequest,
    PermissionRule,
    Run,
    Status,
    Task,
)
from tests import live
from tests.factories import (
    LogEntryFactory,
    PermissionRequestFactory,
    ProjectFactory,
    RunFactory,
    SessionFactory,
    SuperuserFactory,
    TaskFactory,
    UserFactory,
)
from tests.ledger.factories import BudgetFactory, DailySpendFactory

pytestmark = pytest.mark.django_db


@dataclass(frozen=True)
class Result:
    out: str
    err: str
    code: int

    @property
    def json(self):
        return json.loads(self.out)

    @property
    def lines(self):
        return self.out.splitlines()


def manage(*arguments, stdout=None, **options):
    out, err = stdout or io.StringIO(), io.StringIO()
    code = 0
    try:
        call_command(
            *map(str, arguments), stdout=out, stderr=err, no_color=True, **options
        )
    except CommandError as error:
        code = error.returncode
        err.write(str(error))
    return Result(out.getvalue(), err.getvalue(), code)


class Terminal(io.StringIO):
    def isatty(self):
        return True


def status_of(task):
    return Task.objects.get(pk=task.pk).status


def finish(run, status=Status.COMPLETED, message="The report is written."):
    endings.finish(run, Outcome(status, message))


# --- tasks -------------------------------------------------------------------------------


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
    assert all(width_of(line) <= 80 for line in lines)
    for task, line in zip(reversed(tasks), lines[1:], strict=True):
        given = line.split()[0]
        assert str(task.pk).startswith(given)
        assert len(given) >= 13


def test_wide_characters_take_two_columns():
    assert fit("四半期", 7) == "四半期 "
    assert fit("四半期", 5) == "四半…"
    assert fit("四半期", 4) == "四… "


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
    wanted = TaskFactory(project=project, status=Status.QUEUED)
    TaskFactory(project=project)
    TaskFactory(status=Status.QUEUED)
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


# --- Ids ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "spell", [str, lambda pk: pk.hex, lambda pk: str(pk).upper()[:34]]
)
def test_an_id_or_its_start_finds_the_task(spell):
    task = TaskFactory()
    assert manage("cancel", spell(task.pk)).code == 0
    assert status_of(task) == "cancelled"


def test_a_start_that_several_ids_share_is_refused_with_the_candidates():
    first = TaskFactory(id="0199a3c4-7d21-7000-8000-000000000001", title="one")
    second = TaskFactory(id="0199a3c4-7d21-7000-8000-000000000002", title="two")
    result = manage("cancel", "0199a3c4")
    assert result.code == 2
    for task in (first, second):
        assert f"{task.pk}  {task.title}" in result.err
        assert status_of(task) == "planned"


@pytest.mark.parametrize("given", ["0199a3c", "task-9d4e-a1b2", "", "0199a3c4" * 5])
def test_what_is_no_id_is_not_found(given):
    TaskFactory(id="0199a3c4-7d21-7000-8000-000000000001")
    result = manage("logs", given)
    assert result.code == 2
    assert "There is no task" in result.err


# --- execute, resume ---------------------------------------------------------------------


def test_a_planned_task_is_queued_and_started():
    task = TaskFactory()
    result = manage("execute", task.pk)
    assert "Queued and started" in result.out
    run = Run.objects.get(task=task)
    assert (status_of(task), run.status) == ("running", "queued")
    assert run.started_by.startswith("manage.py")


def test_a_queued_task_is_started():
    task = TaskFactory(status=Status.QUEUED)
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
    task = TaskFactory(status=Status.FAILED)
    result = manage("execute", task.pk)
    assert result.code == 1
    assert f"manage.py resume {task.pk}" in result.err


def test_of_several_tasks_one_that_is_refused_keeps_no_other_from_its_turn():
    first, refused, last = (
        TaskFactory(),
        TaskFactory(status=Status.COMPLETED),
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
    completed = TaskFactory(status=Status.COMPLETED)
    result = manage("execute", completed.pk, "ffffffff")
    assert result.code == 2
    assert "2 of 2 tasks" in result.err


def test_what_was_executed_as_json():
    task, refused = TaskFactory(), TaskFactory(status=Status.COMPLETED)
    shown = manage("execute", "--json", task.pk, refused.pk).json
    assert shown[0] == representation.of(task.pk)
    assert shown[1]["id"] == str(refused.pk)
    assert "must be queued" in shown[1]["error"]


def test_a_failed_task_is_resumed_from_its_checkpoint():
    task = TaskFactory(status=Status.FAILED)
    session = SessionFactory(task=task, state='{"line": 1}')
    result = manage("resume", task.pk)
    assert result.out.startswith("Resumed")
    run = Run.objects.get(task=task)
    assert (run.session, run.is_resume) == (session, True)


def test_a_task_without_a_checkpoint_is_not_resumed():
    result = manage("resume", TaskFactory(status=Status.FAILED).pk)
    assert result.code == 1
    assert "No session to resume" in result.err


# --- cancel ------------------------------------------------------------------------------


def test_a_run_that_a_worker_performs_is_asked_to_stop():
    run = RunFactory(status=Run.Status.RUNNING)
    result = manage("cancel", run.task.pk)
    assert result.out.startswith("Asked to stop")
    run.refresh_from_db()
    assert run.cancel_requested_at


def test_a_completed_task_is_not_cancelled():
    assert manage("cancel", TaskFactory(status=Status.COMPLETED).pk).code == 1


def test_all_that_run_or_wait_to_run_are_cancelled():
    project = ProjectFactory()
    ours = TaskFactory(status=Status.QUEUED, project=project)
    others = [TaskFactory(status=Status.QUEUED), RunFactory().task]
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


def test_cancelling_all_is_refused_where_nobody_can_be_asked(monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.StringIO("y\n"))
    task = TaskFactory(status=Status.QUEUED)
    result = manage("cancel", "--all")
    assert result.code == 2
    assert "--yes" in result.err
    assert status_of(task) == "queued"


@pytest.mark.parametrize(
    ("answer", "code", "status"),
    [("y\n", 0, "cancelled"), ("\n", 1, "queued"), ("", 1, "queued")],
)
def test_on_a_terminal_cancelling_all_asks_first(monkeypatch, answer, code, status):
    monkeypatch.setattr(sys, "stdin", Terminal(answer))
    task = TaskFactory(status=Status.QUEUED)
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


# --- logs --------------------------------------------------------------------------------


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


def test_a_log_as_json_is_what_the_api_streams():
    task = TaskFactory()
    entries = [LogEntryFactory(task=task, data={"toolName": "read"}) for _ in range(3)]
    assert manage("logs", task.pk, "--json").lines == [
        entry.as_json() for entry in entries
    ]
    assert manage("logs", task.pk, "--json", "--after", 2).lines == [
        entries[2].as_json()
    ]


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
    assert manage("logs", TaskFactory(status=Status.FAILED).pk).code == 0


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
    good, bad = TaskFactory(status=Status.QUEUED), TaskFactory(status=Status.QUEUED)

    def end_both():
        finish(Run.objects.get(task=good))
        finish(Run.objects.get(task=bad), Status.FAILED, "It broke.")

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
    out = OnFirstLine(lambda: in_thread(finish, run))
    result = manage("logs", run.task.pk, "--follow", stdout=out)
    out.thread.join()
    assert result.err.count("No worker has taken") == 1
    assert "manage.py serve" in result.err


# --- respond -----------------------------------------------------------------------------


def test_a_request_is_allowed_from_now_on():
    request = PermissionRequestFactory()
    result = manage("respond", request.pk, "allow", "--always", "write:/reports/*")
    assert result.out == "Allowed: Writing /reports/q4.md\n"
    request.refresh_from_db()
    assert request.status == "allowed"
    assert request.decided_by.startswith("manage.py")
    assert PermissionRule.objects.get().pattern == "write:/reports/*"


def test_a_request_is_denied_with_a_word_to_the_agent():
    request = PermissionRequestFactory()
    answer = manage(
        "respond", request.pk[:30], "deny", "--message", "Not there.", "--json"
    ).json
    assert (answer["notificationId"], answer["status"]) == (request.pk, "denied")
    assert answer["decisionMessage"] == "Not there."


def test_the_second_answer_is_refused():
    request = PermissionRequestFactory(status="allowed", decided_by="ann")
    result = manage("respond", request.pk, "deny")
    assert result.code == 1
    assert "Already responded: allowed by ann" in result.err


@pytest.mark.parametrize(
    "options", [["deny", "--always", "read"], ["allow", "--always", "eat:cake"]]
)
def test_a_rule_that_cannot_be_kept_answers_nothing(options):
    request = PermissionRequestFactory()
    assert manage("respond", request.pk, *options).code == 2
    assert PermissionRequest.objects.pending().exists()


def test_a_request_that_is_not_there_is_not_found():
    result = manage("respond", "notif-456", "allow")
    assert result.code == 2
    assert "manage.py tasks --waiting" in result.err


# --- issuetoken --------------------------------------------------------------------------


def test_a_token_is_the_only_line_on_stdout_and_works():
    UserFactory()
    owner = SuperuserFactory()
    SuperuserFactory()
    result = manage("issuetoken", "ci")
    [text] = result.lines
    token = ApiToken.objects.matching(text).get()
    assert (token.user, token.name, token.expires_at) == (owner, "ci", None)
    assert text not in result.err


def test_a_token_for_a_named_user_expires():
    user = UserFactory(username="ann")
    manage("issuetoken", "ci", "--user", "ann", "--expires-in-days", 30)
    token = ApiToken.objects.get(user=user)
    assert timedelta(days=29) < token.expires_at - timezone.now() <= timedelta(days=30)


@pytest.mark.parametrize(
    ("options", "code", "reason"),
    [
        ([], 2, "createsuperuser"),
        (["--user", "nobody"], 2, "no user “nobody”"),
        (["--user", "gone"], 1, "not active"),
    ],
)
def test_without_somebody_to_act_with_it_there_is_no_token(options, code, reason):
    UserFactory(username="gone", is_active=False)
    result = manage("issuetoken", "ci", *options)
    assert (result.code, result.out) == (code, "")
    assert reason in result.err
    assert not ApiToken.objects.exists()


@pytest.mark.parametrize("options", [["x" * 101], [" "], ["ci", "--expires-in-days=0"]])
def test_a_token_has_a_name_and_a_sensible_end(options):
    with pytest.raises(CommandError):
        call_command("issuetoken", *options)


# --- As real processes -------------------------------------------------------------------

SETUP = """
from tasks.models import *
for number, status in enumerate(["completed", "failed", "running"]):
    task = Task.objects.create(id=f"0000000{number}-0000-7000-8000-000000000000",
                               title=status, status=status)
    LogEntry.objects.append(task.pk, NewEntry("assistant", "begun"))
"""
COMPLETED, FAILED, RUNNING = "00000000", "00000001", "00000002"


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    with live.site(tmp_path_factory.mktemp("site")) as running:
        unprepared = running.manage("tasks")
        assert unprepared.returncode == 1
        assert "manage.py migrate" in unprepared.stderr
        assert running.manage("migrate", "-v0").returncode == 0
        assert running.manage("shell", "-v0", "-c", SETUP).returncode == 0
        yield running


def test_a_script_gets_the_exit_code_and_no_traceback(site):
    cases = {
        ("execute", COMPLETED): 1,
        ("execute", "ffffffff"): 2,
        ("logs", FAILED, "--follow"): 3,
    }
    for arguments, code in cases.items():
        done = site.manage(*arguments)
        assert done.returncode == code, done
        assert done.stderr.startswith("Error: ")
        assert "Traceback" not in done.stderr


def test_help_has_an_example_and_the_exit_codes(site):
    text = site.manage("execute", "--help").stdout
    assert "manage.py execute 0199a3c4-7d21 --follow" in text
    assert "    3  a task ended failed" in text


def test_ctrl_c_ends_following_cleanly(site):
    with following(site) as process:
        assert "begun" in process.stdout.readline()
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=20)
    assert process.returncode == 130
    assert "the task goes on" in errors
    assert "Traceback" not in errors


def test_a_reader_that_goes_away_is_no_error(site):
    command = [sys.executable, "manage.py", "tasks"]
    with subprocess.Popen(
        command,
        cwd=live.ROOT,
        env=site.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        process.stdout.close()
        errors = process.stderr.read()
    assert (process.returncode, errors) == (141, b"")


def following(site):
    command = [sys.executable, "manage.py", "logs", RUNNING, "--follow"]
    return subprocess.Popen(
        command,
        cwd=live.ROOT,
        env=site.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
