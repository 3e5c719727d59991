"""What a deleted task leaves on disk goes, once no run can be left in it."""

from datetime import timedelta

import pytest
from asgiref.sync import async_to_sync
from django.utils import timezone

from agents import leftovers
from agents.assignments import workspace_of
from tasks import lifecycle
from tasks.models import Leftover, Run
from tests.factories import RunFactory, TaskFactory

pytestmark = pytest.mark.django_db(transaction=True)

remove_due = async_to_sync(leftovers.remove_due)


def worked_in(**fields):
    """Return a task that ran, and its workspace with a file in a folder."""
    run = RunFactory(**{"status": Run.Status.COMPLETED, **fields})
    folder = workspace_of(run.task_id)
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


def test_other_workspaces_stay():
    task, _ = worked_in()
    _, kept = worked_in()
    of_another_database = workspace_of(TaskFactory.build().pk)
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
