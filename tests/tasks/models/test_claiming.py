"""Which worker gets a run, and for how long."""

from datetime import timedelta

import pytest
from django.utils import timezone

from tasks import lifecycle
from tasks.exceptions import LeaseLost
from tasks.lifecycle import runs
from tasks.lifecycle.runs import Outcome
from tasks.models import EventType, LogEntry, NewEntry, Run, Task, session
from tests.factories import RunFactory

pytestmark = pytest.mark.django_db


def an_hour_ago():
    return timezone.now() - timedelta(hours=1)


def claimed(worker="worker-1", **fields):
    run = RunFactory(**fields)
    assert run.claim(worker)
    return run


def expired(**fields):
    run = claimed(**fields)
    Run.objects.filter(pk=run.pk).update(lease_expires_at=an_hour_ago())
    return run


def test_of_two_workers_one_gets_the_run():
    run = RunFactory()
    same_run = Run.objects.get()
    assert run.claim("worker-1")
    assert not same_run.claim("worker-2")
    assert Run.objects.get().worker == "worker-1"


def test_the_most_urgent_run_is_claimed_first_then_the_oldest():
    later = [RunFactory(task__priority=2), RunFactory(task__priority=2)]
    urgent = RunFactory(task__priority=0)
    assert Run.objects.claim_due("worker-1", 10) == [urgent, *later]


def test_a_worker_claims_no_more_than_it_has_room_for():
    RunFactory.create_batch(3)
    assert len(Run.objects.claim_due("worker-1", 2)) == 2
    assert len(Run.objects.claim_due("worker-1", 2)) == 1


def test_a_parked_run_is_not_due():
    run = RunFactory(not_before=timezone.now() + timedelta(hours=1))
    assert Run.objects.claim_due("worker-1", 10) == []
    Run.objects.filter(pk=run.pk).update(not_before=an_hour_ago())
    assert Run.objects.claim_due("worker-1", 10) == [run]


def test_a_run_waits_until_the_earlier_one_has_left_the_workspace():
    first = claimed()
    first.close(Run.Status.CANCELLED)
    second = RunFactory(task=first.task, session=first.session)
    assert Run.objects.claim_due("worker-2", 10) == []
    first.release_lease("worker-1")
    assert Run.objects.claim_due("worker-2", 10) == [second]


def test_a_run_that_two_workers_died_of_is_claimed_only_by_name():
    run = RunFactory(losses=2)
    assert Run.objects.claim_due("worker-1", 10) == []
    assert Run.objects.claim_one("worker-1", run.pk) == run
    assert Run.objects.claim_one("worker-2", run.pk) is None


def test_losses_count_in_a_row_and_a_run_that_was_handed_over_begins_anew():
    runs.expire(expired())
    lost = Run.objects.latest("attempt")
    assert lost.losses == 1
    lost.claim("worker-2")
    runs.hand_over(lost)
    assert Run.objects.latest("attempt").losses == 0


def test_runtimes_that_have_no_room_are_passed_over():
    RunFactory(session__runtime="claude-code")
    other = RunFactory(session__runtime="ollama")
    assert Run.objects.claim_due("worker-1", 10, without=["claude-code"]) == [other]


def test_claiming_takes_as_many_queries_for_many_waiting_runs(
    django_assert_max_num_queries,
):
    RunFactory.create_batch(30)
    with django_assert_max_num_queries(6):
        Run.objects.claim_due("worker-1", 1)


def test_renewing_extends_the_leases_and_tells_which_are_lost():
    held, lost, cancelled = claimed(), claimed(), claimed()
    Run.objects.filter(pk=held.pk).update(lease_expires_at=an_hour_ago())
    lost.close(Run.Status.LOST)
    assert cancelled.request_cancel()

    run_ids = [held.pk, lost.pk, cancelled.pk]
    assert Run.objects.renew("worker-1", run_ids) == {lost.pk}
    assert not Run.objects.expired().exists()


def test_renewing_what_is_held_takes_one_statement(django_assert_num_queries):
    held = [claimed().pk, claimed().pk]
    with django_assert_num_queries(1):
        assert not Run.objects.renew("worker-1", held)


def test_another_worker_cannot_renew_a_lease():
    run = claimed()
    assert Run.objects.renew("worker-2", [run.pk]) == {run.pk}


def test_an_expired_run_is_closed_and_its_successor_goes_on_in_the_session():
    run = expired()
    assert runs.expire(run)
    run.refresh_from_db()
    successor = Run.objects.latest("attempt")
    assert (run.status, run.lease_expires_at) == (Run.Status.LOST, None)
    assert (successor.status, successor.attempt) == (Run.Status.QUEUED, 2)
    assert successor.session == run.session
    assert Task.objects.get().live_run == successor.pk


def test_a_run_that_was_renewed_meanwhile_is_not_lost():
    run = expired()
    Run.objects.renew("worker-1", [run.pk])
    assert not runs.expire(run)
    assert Run.objects.get().status == Run.Status.RUNNING


def lose_again(task):
    """Lose the task's live run, as when another worker stops renewing its lease."""
    run = Run.objects.get(pk=task.live_run)
    run.claim("worker-1")
    Run.objects.filter(pk=run.pk).update(lease_expires_at=an_hour_ago())
    assert runs.expire(run)
    task.refresh_from_db()


def test_the_third_lost_run_without_a_step_forward_fails_the_task():
    task = RunFactory().task
    for _ in range(2):
        lose_again(task)
        assert task.status == Task.Status.RUNNING
    lose_again(task)
    assert task.status == Task.Status.FAILED
    assert "ran out 3 times without a step forward" in task.log.last().message


def test_a_run_that_goes_a_step_forward_may_be_lost_again_but_not_for_ever():
    task = RunFactory().task
    session_id = task.sessions.get().pk
    for step in range(5):
        lose_again(task)
        session.keep(session_id, {"step": step}, [{"step": step}])
        session.keep(session_id, {"step": step}, [])  # which is none
    assert task.status == Task.Status.RUNNING
    lose_again(task)
    assert task.status == Task.Status.FAILED
    assert "ran out 6 times in a row" in task.log.last().message


def test_a_checkpoint_that_is_there_already_is_no_step_forward():
    task = RunFactory().task
    session_id = task.sessions.get().pk
    session.keep(session_id, {"step": 1}, [])
    task.sessions.update(updated_at=an_hour_ago())
    for _ in range(3):
        session.keep(session_id, {"step": 1}, [])  # as agents do when they are taken up
        lose_again(task)
    assert task.status == Task.Status.FAILED


def test_the_log_tells_why_a_run_gets_a_process_of_its_own():
    task = RunFactory().task
    lose_again(task)
    assert "of its own" not in task.log.last().message
    lose_again(task)
    assert "2 times in a row. A process of its own" in task.log.last().message


def test_a_run_that_is_over_does_not_keep_the_lease_of_a_worker_that_is_gone():
    over, held = expired(), claimed()
    over.close(Run.Status.CANCELLED)
    Run.objects.clear_expired()
    leases = dict(Run.objects.values_list("pk", "lease_expires_at"))
    assert leases[over.pk] is None
    assert leases[held.pk] is not None


def test_a_lost_run_that_was_to_be_cancelled_ends_cancelled():
    run = expired()
    lifecycle.cancel(run.task, by="a test")
    run.refresh_from_db()
    runs.expire(run)
    assert Task.objects.get().status == Task.Status.CANCELLED
    assert Run.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_a_late_worker_writes_neither_log_nor_outcome():
    run = expired()
    runs.expire(run)
    entry = NewEntry(EventType.ASSISTANT, "too late")
    with pytest.raises(LeaseLost):
        LogEntry.objects.append(run.task_id, entry, lease=run.pk)
    with pytest.raises(LeaseLost):
        runs.finish(
            run, Outcome(Task.Status.COMPLETED, "Completed.", result="too late")
        )
    with pytest.raises(LeaseLost):
        runs.hand_over(run)
    task = Task.objects.get()
    assert (task.status, task.result) == (Task.Status.RUNNING, "")
    assert "too late" not in list(task.log.values_list("message", flat=True))


def test_a_task_ended_from_outside_takes_nothing_more_from_its_run():
    run = claimed()
    lifecycle.record_status(
        run.task, Task.Status.COMPLETED, by="a client", result="by hand"
    )
    with pytest.raises(LeaseLost):
        runs.finish(run, Outcome(Task.Status.FAILED, "Failed."))
    assert Task.objects.get().result == "by hand"
    assert Run.objects.get().status == Run.Status.CANCELLED


def test_cancelling_a_run_that_nobody_claimed_is_final_at_once():
    run = RunFactory()
    lifecycle.cancel(run.task, by="a test")
    assert Task.objects.get().status == Task.Status.CANCELLED
    assert not run.claim("worker-1")


def test_a_finished_run_withdraws_what_it_asked():
    run = claimed()
    asked = run.task.permission_requests.create(
        run=run,
        session=run.session,
        call_id="1",
        tool_name="write",
        tool_input={},
        action="write:/a",
    )
    runs.finish(run, Outcome(Task.Status.FAILED, "Failed."))
    asked.refresh_from_db()
    assert asked.status == "withdrawn"


def test_a_cancel_that_came_since_the_run_was_read_is_not_lost():
    handed, lost = claimed(), expired()
    for run in (handed, lost):
        lifecycle.cancel(run.task, by="a test")
    runs.hand_over(handed)  # both as they were read before
    runs.expire(lost)
    assert set(Task.objects.values_list("status", flat=True)) == {Task.Status.CANCELLED}


def test_a_run_that_only_waits_for_a_person_is_not_blamed_for_a_dead_worker():
    run = expired(losses=2)
    task = run.task
    task.permission_requests.create(
        run=run,
        session=run.session,
        call_id="1",
        tool_name="write",
        tool_input={},
        action="write:/a",
    )
    assert runs.expire(run)
    assert Task.objects.get().status == Task.Status.RUNNING


def test_an_expired_run_whose_task_was_deleted_is_passed_over():
    run = expired()
    run.task.delete()
    assert not runs.expire(run)


def test_a_cancel_does_not_wait_for_a_worker_whose_lease_expired():
    run = expired()
    lifecycle.cancel(run.task, by="a test")
    run.refresh_from_db()
    assert (run.task.status, run.status) == (
        Task.Status.CANCELLED,
        Run.Status.CANCELLED,
    )
