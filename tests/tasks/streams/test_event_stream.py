"""The stream of events: every one once and in order, of all tasks or of a project."""

import asyncio
import json

import httpx2 as httpx
import pytest
from asgiref.sync import sync_to_async
from django_eventstream.views import get_listener_manager

from tasks import lifecycle
from tasks.models import OutboxEvent, Task
from tasks.pubsub import EVENTS_CHANNEL
from tasks.streams.event_stream import Selection, follow_events, last_sequence
from tests import live
from tests.factories import ProjectFactory, TaskFactory
from tests.waiting import until

pytestmark = pytest.mark.django_db(transaction=True)


@sync_to_async
def queue(task):
    lifecycle.record_status(task, Task.Status.QUEUED, by="ann")


@sync_to_async
def make(**values):
    return TaskFactory(**values)


async def take(stream, count):
    """Return so many events as (id, content)."""
    found = []
    async with asyncio.timeout(20):
        async for message in stream:
            lines = dict(
                line.split(": ", 1) for line in message.decode().split("\n") if line
            )
            if "data" in lines:
                found.append((int(lines["id"]), json.loads(lines["data"])))
            if len(found) == count:
                return found
    return found


def is_waiting():
    """Tell whether a stream has read all there is, and waits for a push."""
    listeners = get_listener_manager().listeners_by_channel.get(EVENTS_CHANNEL, ())
    return any(listener.aevent._waiters for listener in listeners)


async def test_it_tells_of_all_tasks_as_it_happens():
    stream = follow_events(Selection(), 0)
    tasks = [await make(), await make()]
    await queue(tasks[0])
    [(first, event)] = await take(stream, 1)
    assert (first, event["taskId"]) == (1, str(tasks[0].pk))
    waiting = asyncio.create_task(take(stream, 1))
    await until(is_waiting)
    await queue(tasks[1])
    [(second, event)] = await waiting
    assert (second, event["type"]) == (2, "task.queued")
    assert event["status"] == "queued"
    await stream.aclose()


async def test_it_goes_on_after_what_was_seen():
    for _ in range(3):
        await queue(await make())
    stream = follow_events(Selection(), 0)
    first = await take(stream, 2)
    await stream.aclose()
    again = follow_events(Selection(), first[-1][0])
    assert [number for number, _ in await take(again, 1)] == [3]
    await again.aclose()


async def test_of_a_project_it_tells_no_others():
    project = await sync_to_async(ProjectFactory)()
    await queue(await make())
    own = await make(project=project)
    await queue(own)
    stream = follow_events(Selection(project_id=project.pk), 0)
    [(number, event)] = await take(stream, 1)
    assert (number, event["projectId"]) == (2, project.pk)
    await stream.aclose()


async def test_a_lost_push_costs_a_moment_and_no_event(monkeypatch):
    stream = follow_events(Selection(), 0)
    waiting = asyncio.create_task(take(stream, 1))
    await until(is_waiting)
    with monkeypatch.context() as patch:
        patch.setattr("tasks.pubsub._publish", lambda channel, data: None)
        await queue(await make())
    assert len(await waiting) == 1
    await stream.aclose()


def test_who_comes_without_a_place_hears_what_comes_next(api):
    lifecycle.record_status(TaskFactory(), Task.Status.QUEUED, by="ann")
    answer = api.get("/api/events")
    assert answer["Content-Type"] == "text/event-stream"

    async def begin():
        async for message in answer.streaming_content:
            return message

    assert asyncio.run(begin()) == b"retry: 2000\nid: 1\n\n"
    assert last_sequence() == 1


def test_a_project_that_is_not_there_is_404(api):
    assert api.get("/api/events?projectId=nowhere").status_code == 404


def test_budgets_are_hidden_from_who_may_not_view_them():
    OutboxEvent.objects.add(OutboxEvent(type="budget.warning", message="80 %"))
    OutboxEvent.objects.add(OutboxEvent(type="schedule.paused", message="x"))

    async def read():
        stream = follow_events(Selection(hidden_types=("budget.warning",)), 0)
        return await take(stream, 1)

    [(number, event)] = asyncio.run(read())
    assert (number, event["type"]) == (2, "schedule.paused")


@pytest.mark.slow
@pytest.mark.parametrize("server", ["daphne", "uvicorn"])
def test_a_client_that_reconnects_misses_nothing(tmp_path, server):
    with live.site(tmp_path) as site:
        getattr(site, server)()
        with site.client.stream("GET", "/api/events") as answer:
            lines = answer.iter_lines()
            assert next(lines) == "retry: 2000"
            first = site.queue("finish: x")
            seen = _read_until(lines, first)
        others = [site.queue("finish: x") for _ in range(3)]
        headers = {"Last-Event-ID": str(seen)}
        with site.client.stream("GET", "/api/events", headers=headers) as answer:
            lines = answer.iter_lines()
            found = [_next_event(lines) for _ in others]
        assert [event["taskId"] for event in found] == others
        numbers = [event["sequence"] for event in found]
        assert numbers == [seen + 1, seen + 2, seen + 3]


def _next_event(lines):
    for line in lines:
        if line.startswith("data: "):
            return json.loads(line[6:])
    raise httpx.StreamClosed


def _read_until(lines, task_id):
    while (event := _next_event(lines))["taskId"] != task_id:
        pass
    return event["sequence"]
