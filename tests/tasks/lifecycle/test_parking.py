"""A run whose provider takes no request for a known time is parked until then."""

from datetime import timedelta

import pytest
from django.utils import timezone

from ledger.models import Reservation
from tasks import lifecycle
from tasks.exceptions import LeaseLost
from tasks.lifecycle import runs
from tasks.models import Run, Session, Task
from tasks.models.session import keep
from tests.factories import RunFactory

pytestmark = pytest.mark.django_db

HOUR = 3600


def claimed(**fields):
    run = RunFactory(**fields)
    assert run.claim("worker-1")
    return run


def park(run, seconds=HOUR):
    runs.park(run, reason="The rate limit is used up", seconds=seconds)
    run.release_lease("worker-1")
    return Run.objects.latest("attempt")


def test_a_parked_run_goes_on_in_its_session_once_the_time_has_come():
    run = claimed()
    successor = park(run)
    run.refresh_from_db()
    assert (run.status, successor.status) == (Run.Status.PARKED, Run.Status.QUEUED)
    assert successor.session == run.session
    assert "parked until" in run.task.log.last().message
    assert Task.objects.get().status == Task.Status.RUNNING
    assert Run.objects.claim_due("worker-1", 10) == []
    Run.objects.update(not_before=timezone.now() - timedelta(seconds=1))
    assert Run.objects.claim_due("worker-1", 10) == [successor]


def test_a_parked_run_can_be_cancelled_at_once():
    run = claimed()
    park(run)
    lifecycle.cancel(run.task, by="a test")
    assert Task.objects.get().status == Task.Status.CANCELLED
    assert not Reservation.objects.exists()


def test_a_cancel_that_came_first_wins():
    run = claimed()
    lifecycle.cancel(run.task, by="a test")
    park(run)
    assert Task.objects.get().status == Task.Status.CANCELLED
    assert Run.objects.count() == 1


def test_a_run_that_is_no_longer_live_is_not_parked():
    run = claimed()
    lifecycle.record_status(run.task, Task.Status.FAILED, by="a client")
    with pytest.raises(LeaseLost):
        park(run)


def test_parked_runs_without_a_step_forward_fail_within_the_bound(settings):
    settings.STAGENT_MAX_PARK_SECONDS = 6 * HOUR
    first = claimed()
    second = park(first)
    a_while_ago = timezone.now() - timedelta(hours=5, minutes=30)
    Run.objects.filter(pk=first.pk).update(queued_at=a_while_ago)
    Session.objects.update(updated_at=a_while_ago)
    Run.objects.update(not_before=None)
    assert second.claim("worker-1")
    park(second)
    task = Task.objects.get()
    assert task.status == Task.Status.FAILED
    assert "Resume after that" in task.log.last().message


def test_parked_runs_that_come_forward_may_be_parked_again_and_again(settings):
    settings.STAGENT_MAX_PARK_SECONDS = 6 * HOUR
    first = claimed()
    second = park(first)
    a_while_ago = timezone.now() - timedelta(hours=5, minutes=30)
    Run.objects.filter(pk=first.pk).update(queued_at=a_while_ago)
    Run.objects.update(not_before=None)
    assert second.claim("worker-1")
    keep(second.session_id, {"step": 2}, [])
    park(second)
    assert Task.objects.get().status == Task.Status.RUNNING
