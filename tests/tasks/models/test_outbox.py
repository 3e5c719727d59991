"""The outbox: written with what happened, numbered once it is committed."""

import threading

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from stagent.database import persistent_connections
from tasks import lifecycle
from tasks.exceptions import InvalidTransition
from tasks.lifecycle import runs
from tasks.models import OutboxEvent, OutboxType, Run, Task
from tasks.models.permission import Decision
from tasks.schedules import firing
from tests.factories import (
    PermissionRequestFactory,
    ProjectFactory,
    ScheduleFactory,
    TaskFactory,
)

pytestmark = pytest.mark.django_db


def types():
    return list(OutboxEvent.objects.order_by("pk").values_list("type", flat=True))


def test_each_change_of_status_writes_its_event():
    project = ProjectFactory()
    task = TaskFactory(project=project, title="Count")
    lifecycle.execute(task, by="ann")
    run = Run.objects.get()
    runs.finish(run, runs.Outcome(Task.Status.FAILED, "It broke.", error="It broke."))
    assert types() == ["task.queued", "task.running", "task.failed"]
    last = OutboxEvent.objects.last()
    assert (last.task_id, last.project_id, last.title) == (
        task.pk,
        project.pk,
        "Count",
    )
    assert (last.message, last.data) == ("It broke.", {"status": "failed"})


def test_a_decision_writes_its_event_and_a_refused_change_none():
    asked = PermissionRequestFactory()
    asked.decide(Decision(is_allowed=True, by="ann"))
    assert types() == ["permission.decided"]
    with pytest.raises(InvalidTransition):
        lifecycle.record_status(asked.task, Task.Status.PLANNED, by="ann")
    assert types() == ["permission.decided"]


def test_a_cancel_that_only_asks_announces_nothing_yet():
    asked = PermissionRequestFactory()  # its run is performed by a worker
    Run.objects.update(status="running", worker="w")
    lifecycle.cancel(asked.task, by="ann")
    assert "task.cancelled" not in types()


def test_an_assist_announces_nothing():
    lifecycle.record_status(TaskFactory(is_assist=True), Task.Status.QUEUED, by="ann")
    assert types() == []


def test_an_event_goes_with_its_transaction():
    task = TaskFactory()
    with transaction.atomic():
        lifecycle.record_status(task, Task.Status.QUEUED, by="ann")
        assert types() == ["task.queued"]
        transaction.set_rollback(True)
    assert types() == []


def test_on_postgresql_an_event_takes_no_statement_of_its_own():
    with CaptureQueriesContext(connection) as queries:
        lifecycle.record_status(TaskFactory(), Task.Status.QUEUED, by="ann")
    naming = [q["sql"] for q in queries if "tasks_outboxevent" in q["sql"]]
    assert len(naming) == 1
    is_with_log = "tasks_logentry" in naming[0]
    assert is_with_log == (connection.vendor == "postgresql")


def test_a_schedule_that_fails_too_often_announces_its_pause():
    schedule = ScheduleFactory(failure_streak=firing.MAX_FAILURES - 1)
    firing._count_failure(schedule, firing.Firing(outcome="failed"))
    event = OutboxEvent.objects.get()
    assert event.type == OutboxType.SCHEDULE_PAUSED
    assert event.data == {"scheduleId": str(schedule.pk)}


def test_publishing_numbers_in_the_order_of_writing_and_once():
    for _ in range(3):
        lifecycle.record_status(TaskFactory(), Task.Status.QUEUED, by="ann")
    seen = []
    assert OutboxEvent.objects.publish(seen.extend) == 3
    assert OutboxEvent.objects.publish(seen.extend) == 0
    assert [event.sequence for event in seen] == [1, 2, 3]
    stored = OutboxEvent.objects.order_by("pk").values_list("sequence", flat=True)
    assert list(stored) == [1, 2, 3]


def test_what_is_told_once_is_written_once():
    first, again = (OutboxEvent(type="budget.warning", key="b1") for _ in range(2))
    assert OutboxEvent.objects.add(first)
    assert not OutboxEvent.objects.add(again)
    assert len(types()) == 1


@pytest.mark.django_db(transaction=True)
def test_of_two_publishers_at_once_each_number_is_given_once():
    count = 40
    for number in range(count):
        OutboxEvent.objects.add(OutboxEvent(type="task.queued", key=str(number)))
    taken, start = [], threading.Barrier(4)

    def publish():
        start.wait()
        persistent_connections.call(OutboxEvent.objects.publish, taken.extend)
        connection.close()

    threads = [threading.Thread(target=publish) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(event.sequence for event in taken) == list(range(1, count + 1))


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(
    "connection.vendor == 'sqlite'", reason="SQLite has one writer at a time"
)
def test_what_commits_late_gets_a_later_number():
    """Its key is the smaller: by keys a reader would have passed it over."""
    written, published = threading.Event(), threading.Event()

    def write_slowly():
        with transaction.atomic():
            OutboxEvent.objects.add(OutboxEvent(type="task.queued", key="slow"))
            written.set()
            assert published.wait(20)
        connection.close()

    thread = threading.Thread(target=write_slowly)
    thread.start()
    assert written.wait(20)
    OutboxEvent.objects.add(OutboxEvent(type="task.queued", key="quick"))
    assert OutboxEvent.objects.publish() == 1
    published.set()
    thread.join()
    assert OutboxEvent.objects.publish() == 1
    found = dict(OutboxEvent.objects.values_list("key", "sequence"))
    assert found == {"quick": 1, "slow": 2}
