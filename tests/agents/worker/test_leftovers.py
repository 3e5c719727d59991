"""What a deleted task leaves on disk goes, once no run can be left in it."""

from datetime import timedelta

import pytest
from asgiref.sync import async_to_sync
from django.urls import reverse
from django.utils import timezone

from agents.worker import leftovers
from tasks import lifecycle
from tasks.files.folders import locate_workspace
from tasks.models import Leftover, LogEntry, Run
from tests.factories import LogEntryFactory, RunFactory, TaskFactory

pytestmark = pytest.mark.django_db(transaction=True)

remove_due = async_to_sync(leftovers.remove_due)


def worked_in(**fields):
    """Return a task that ran, and its workspace with a file in a folder."""
    run = RunFactory(**{"status": Run.Status.COMPLETED, **fields})
    folder = locate_workspace(run.task_id)
    (folder / "reports").mkdir()
    (folder / "reports" / "q4.md").write_text("Q4")
    return run.task, folder


def from_now(**length):
    return timezone.now() + timedelta(**length)


def test_the_workspace_of_a_deleted_task_is_removed():
    task, folder = worked_in()
    lifecycle.delete(task)
    remove_due()
    assert not folder.exists()
    assert not Leftover.objects.exists()


@pytest.fixture
def long_log(monkeypatch):
    """A finished task whose log is too long to go together with it."""
    monkeypatch.setattr(lifecycle.stopping, "SHORT_LOG", 10)
    monkeypatch.setattr(leftovers, "ENTRIES_AT_ONCE", 10)
    task = TaskFactory(status="completed")
    for _ in range(35):
        LogEntryFactory(task=task)
    return task


def test_a_long_log_goes_in_pieces_after_its_task(long_log, api, admin_client):
    kept = LogEntryFactory()
    entry = long_log.log.first()
    assert api.delete(f"/api/tasks/{long_log.pk}").status_code == 200
    left = LogEntry.objects.filter(task_id=long_log.pk)
    assert left.count() == 25
    # Nobody sees what is left.
    assert api.get(f"/api/tasks/{long_log.pk}/logs").status_code == 404
    entries = admin_client.get(reverse("admin:tasks_logentry_changelist"))
    assert entries.status_code == 200
    assert str(long_log.pk) not in entries.content.decode()
    page = reverse(
        "admin:tasks_logentry_change", args=[left.order_by("sequence").last().pk]
    )
    assert admin_client.get(page).status_code != 500
    assert entry.message not in admin_client.get(page).content.decode()
    remove_due()
    assert list(LogEntry.objects.all()) == [kept]
    assert not Leftover.objects.exists()


def test_a_log_that_a_killed_worker_was_removing_is_removed_later(long_log):
    lifecycle.delete(long_log)
    (task_id,) = Leftover.objects.take_due(1)  # and then it was killed, half-way
    LogEntry.objects.remove_some(task_id, 10)
    Leftover.objects.update(due_at=from_now(seconds=-1))  # an hour has gone
    remove_due()
    assert not LogEntry.objects.exists()
    assert not Leftover.objects.exists()


def test_a_short_log_goes_with_its_task():
    task = LogEntryFactory().task
    lifecycle.delete(task)
    assert not LogEntry.objects.exists()
    assert not Leftover.objects.exists()


def test_other_workspaces_stay():
    task, _ = worked_in()
    _, kept = worked_in()
    of_another_database = locate_workspace(TaskFactory.build().pk)
    lifecycle.delete(task)
    remove_due()
    assert kept.exists()
    assert of_another_database.exists()


def test_a_task_that_never_ran_leaves_nothing():
    lifecycle.delete(TaskFactory())
    assert not Leftover.objects.exists()


@pytest.mark.parametrize("status", [Run.Status.RUNNING, Run.Status.CANCELLED])
def test_a_workspace_stays_while_a_worker_may_be_left_in_it(status):
    task, folder = worked_in(status=status, lease_expires_at=from_now(seconds=30))
    lifecycle.delete(task)
    remove_due()
    assert folder.exists()
    Leftover.objects.filter(due_at__gt=from_now(seconds=20)).update(due_at=from_now())
    remove_due()
    assert not folder.exists()


def test_what_a_link_leads_to_stays(home):
    precious = home / "precious"
    precious.mkdir()
    (precious / "file").touch()
    inside, folder = worked_in()
    (folder / "reports" / "link").symlink_to(precious)
    itself, replaced = worked_in()
    replaced.rename(home / "moved")
    replaced.symlink_to(precious)
    lifecycle.delete(inside)
    lifecycle.delete(itself)
    remove_due()
    assert not folder.exists()
    assert not replaced.is_symlink()
    assert (precious / "file").exists()


def test_what_cannot_be_removed_is_tried_again_later():
    task, folder = worked_in()
    folder.rename(folder.with_name("elsewhere"))
    folder.touch()
    lifecycle.delete(task)
    remove_due()
    assert Leftover.objects.get().due_at > from_now(minutes=50)


def test_of_two_workers_one_removes():
    task, _ = worked_in()
    lifecycle.delete(task)
    assert Leftover.objects.take_due(5) == [task.pk]
    assert Leftover.objects.take_due(5) == []


def test_a_look_takes_no_more_than_a_batch():
    for _ in range(3):
        lifecycle.delete(worked_in()[0])
    assert len(Leftover.objects.take_due(2)) == 2
    assert len(Leftover.objects.take_due(2)) == 1
