"""A worker fires schedules by itself: it knows when, and a change wakes it."""

from datetime import timedelta

import pytest
from asgiref.sync import sync_to_async
from django.utils import timezone

from agents.worker import schedules
from tasks.models import Firing, Schedule
from tasks.schedules import changes
from tests.agents.worker.test_loop import until, working
from tests.factories import WorkflowFactory
from tests.tasks.schedules.due import NOON, due_schedule

pytestmark = pytest.mark.django_db(transaction=True)


def ended(number=1):
    return Firing.objects.filter(number=number, ended_at__isnull=False).first()


@pytest.fixture
def no_looks(monkeypatch):
    """Let the worker look at the schedules only where it knows that it has to."""
    monkeypatch.setattr(schedules, "SWEEP_SECONDS", 3600)


async def test_a_due_schedule_fires_and_the_end_of_its_task_is_seen(no_looks):
    await sync_to_async(due_schedule)(at=timezone.now())
    async with working():
        firing = await until(ended)
    assert (firing.status, firing.outcome) == ("started", "completed")


async def test_it_waits_for_the_next_time_and_fires_not_before(no_looks):
    due_at = timezone.now() + timedelta(seconds=1.5)
    await sync_to_async(due_schedule)(at=due_at)
    async with working():
        firing = await until(Firing.objects.first)
    assert firing.created_at >= firing.scheduled_for == due_at


async def test_a_change_wakes_it(no_looks):
    schedule = await sync_to_async(due_schedule)(at=timezone.now() + timedelta(hours=9))
    async with working() as worker:
        await until(lambda: worker._schedules.seconds_left() > 600)
        due = Schedule.objects.filter(pk=schedule.pk)
        await due.aupdate(next_fire_at=timezone.now())
        await sync_to_async(changes.change)(schedule.pk, {"name": "Now"}, by="ada")
        await until(ended)


async def test_a_queued_firing_starts_when_the_one_before_has_ended(no_looks):
    schedule = await sync_to_async(due_schedule)(
        at=timezone.now(), overlap="queue", prompt="say: begun\nsleep: 1"
    )
    async with working():
        first = await until(Firing.objects.filter(number=1).first)
        due = Schedule.objects.filter(pk=schedule.pk)
        await due.aupdate(next_fire_at=timezone.now())
        await sync_to_async(changes.change)(schedule.pk, {"name": "Now"}, by="ada")
        second = await until(lambda: ended(2))
    first = await Firing.objects.aget(pk=first.pk)
    assert second.created_at < first.ended_at  # it waited meanwhile


async def test_a_queued_run_of_a_workflow_starts_when_the_one_before_has_ended(
    no_looks,
):
    workflow = await sync_to_async(WorkflowFactory)()
    schedule = await sync_to_async(due_schedule)(
        at=timezone.now(), overlap="queue", workflow=workflow
    )
    waiting = schedule.firings.waiting()
    # Nothing runs, so this one starts first; the one that is due now waits for it.
    await Firing.objects.acreate(
        schedule=schedule, scheduled_for=NOON, status="waiting"
    )
    async with working():
        second = await until(lambda: ended(2))
    assert second.outcome == "completed"
    assert not await waiting.aexists()


async def test_a_heartbeat_that_takes_long_keeps_no_other_schedule_waiting(no_looks):
    checklist = [{"id": "1", "instruction": "x", "priority": "low"}]
    slow, quick = timezone.now(), timezone.now() + timedelta(seconds=1)
    await sync_to_async(due_schedule)(
        at=slow, type="heartbeat", checklist=checklist, prompt="sleep: 600"
    )
    other = await sync_to_async(due_schedule)(at=quick)
    async with working():
        done = Firing.objects.filter(schedule=other, outcome="completed")
        await until(done.exists)


async def test_three_failures_pause_it():
    schedule = await sync_to_async(due_schedule)(
        at=timezone.now(), prompt="fail: no luck"
    )
    due = Schedule.objects.filter(pk=schedule.pk)
    async with working():
        for number in (1, 2, 3):
            await due.aupdate(next_fire_at=timezone.now())
            await sync_to_async(schedules_wake)(schedule)
            await until(lambda number=number: ended(number))
    await schedule.arefresh_from_db()
    assert (schedule.status, schedule.failure_streak) == ("paused", 3)


def schedules_wake(schedule):
    changes.change(schedule.pk, {"name": "Again"}, by="ada")
