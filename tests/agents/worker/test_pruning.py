"""Old logs, workspaces and tasks go; what is young, live, or needed stays, and so do costs."""

import json
from datetime import timedelta
from io import StringIO
from uuid import uuid4

import pytest
from asgiref.sync import async_to_sync
from django.core.management import CommandError, call_command
from django.utils import timezone

from agents.worker import pruning
from agents.worker.pruning import NightlyPruning
from ledger.models import LedgerEntry
from ledger.pricing import Usage
from tasks.files.folders import locate_folder
from tasks.models import LogEntry, Run, Task, WorkflowRun
from tests.factories import LogEntryFactory, RunFactory, TaskFactory, WorkflowFactory

pytestmark = pytest.mark.django_db(transaction=True)


def prune(*options):
    out = StringIO()
    call_command("prune", "--older-than", "90d", *options, stdout=out)
    return out.getvalue().strip()


def old(days=100, **fields):
    """Make a finished task with a log and a workspace that was last changed days ago."""
    task = TaskFactory(**{"status": "completed", "result": "made it", **fields})
    LogEntryFactory(task=task)
    (locate_folder(task.pk) / "sub").mkdir(parents=True)
    (locate_folder(task.pk) / "sub" / "file").write_text("x")
    at = timezone.now() - timedelta(days=days)
    Task.objects.filter(pk=task.pk).update(updated_at=at)
    return task


def left(task):
    """Return whether its log and its workspace are there."""
    has_log = LogEntry.objects.filter(task=task).exists()
    return has_log, locate_folder(task.pk).exists()


def test_logs_and_workspaces_of_old_finished_tasks_go_and_results_stay():
    task, young, planned = old(), old(days=80), old(status="planned")
    assert prune() == "Removed 1 logs, 1 workspaces."
    assert left(task) == (False, False)
    assert left(young) == left(planned) == (True, True)
    task.refresh_from_db()
    assert task.result == "made it"
    assert prune() == "Removed nothing."


def test_each_kind_can_be_chosen():
    task = old()
    assert prune("--logs") == "Removed 1 logs."
    assert left(task) == (False, True)
    assert prune("--workspaces") == "Removed 1 workspaces."
    assert left(task) == (False, False)
    assert prune("--tasks") == "Removed 1 tasks."
    assert not Task.objects.filter(pk=task.pk).exists()


def test_a_dry_run_says_as_much_and_removes_nothing():
    task = old()
    said = json.loads(prune("--dry-run", "--json", "--tasks", "--logs", "--workspaces"))
    assert said == {"logs": 1, "workspaces": 1, "tasks": 1, "dryRun": True}
    assert left(task) == (True, True)


def test_what_was_spent_stays_in_the_book():
    task = old()
    usage = Usage("anthropic", "claude-x", input_tokens=10)
    LedgerEntry.objects.record(
        key="1", usage=usage, task_id=task.pk, run_id=uuid4(), runtime="echo"
    )
    prune("--tasks")
    assert LedgerEntry.objects.for_task(task.pk).count() == 1


def test_a_task_that_a_live_workflow_run_needs_stays():
    run = WorkflowRun.objects.create(
        workflow=WorkflowFactory(), workflow_name="w", number=1, definition="{}"
    )
    task = old(workflow_run=run.pk)
    assert prune("--tasks") == "Removed nothing."
    run.status = WorkflowRun.Status.COMPLETED
    run.save()
    assert prune("--tasks") == "Removed 1 tasks."
    assert not Task.objects.filter(pk=task.pk).exists()


def test_a_task_whose_worker_still_winds_down_stays():
    task = old()
    soon = timezone.now() + timedelta(minutes=1)
    RunFactory(task=task, status=Run.Status.COMPLETED, lease_expires_at=soon)
    assert prune() == "Removed nothing."


def test_a_task_that_is_taken_up_after_it_was_found_is_passed_over(monkeypatch):
    task = old()
    found = pruning._find_old_tasks

    def take_up_when_found(*arguments):
        for task_id in found(*arguments):
            Task.objects.filter(pk=task_id).update(updated_at=timezone.now())
            yield task_id

    monkeypatch.setattr(pruning, "_find_old_tasks", take_up_when_found)
    assert prune("--logs", "--workspaces", "--tasks") == "Removed nothing."
    assert left(task) == (True, True)


def test_many_are_found_over_several_batches(monkeypatch):
    monkeypatch.setattr(pruning, "BATCH", 2)
    tasks = [old() for _ in range(5)]
    at = timezone.now() - timedelta(days=100)
    Task.objects.filter(pk__in=[one.pk for one in tasks[:3]]).update(updated_at=at)
    assert prune() == "Removed 5 logs, 5 workspaces."


def test_an_age_that_is_none_is_refused():
    with pytest.raises(CommandError, match="no age such as 90d"):
        call_command("prune", "--older-than", "soon")


def test_a_worker_does_it_in_the_night_if_the_settings_say_so(settings):
    task, nightly = old(), NightlyPruning()
    nightly._next_at = timezone.now()
    look = async_to_sync(in_own_thread)
    look(nightly)
    assert left(task) == (True, True)
    settings.STAGENT_PRUNE_DAYS, settings.STAGENT_PRUNE_KINDS = 90, ["workspaces"]
    look(nightly)
    assert left(task) == (True, False)
    assert timezone.now() < nightly._next_at
    assert nightly._next_at.hour == pruning.NIGHT_HOUR


async def in_own_thread(nightly):
    await nightly.look()
    await pruning._threads.run(close_connection)


def close_connection():
    pruning.transaction.get_connection().close()
