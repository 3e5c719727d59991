"""Every reader gets every entry once and in order, whatever becomes of the rings."""

import asyncio
import json

import pytest
from asgiref.sync import sync_to_async
from django.db import transaction

from tasks import doorbell, streams
from tasks.models import EventType, LogEntry, NewEntry, Status, Task
from tests.factories import LogEntryFactory, TaskFactory

pytestmark = pytest.mark.django_db(transaction=True)


@sync_to_async
def log(task, *messages):
    entries = [NewEntry(EventType.ASSISTANT, message) for message in messages]
    LogEntry.objects.append(task.pk, *entries)


@sync_to_async
def end(task):
    with transaction.atomic():  # as every end is: else readers may miss its entry
        Task.objects.filter(pk=task.pk).update(status=Status.COMPLETED)
        LogEntry.objects.append(task.pk, NewEntry(EventType.RESULT, "Completed."))
    doorbell.ring_readers(task.pk, [])


class Reader:
    def __init__(self, task, after=0):
        self.stream = streams.follow_log(task.pk, after)

    async def next(self):
        """Return the next event as (id, message)."""
        async for event in self.stream:
            lines = event.decode().splitlines()
            if lines[0].startswith("id: "):
                message = json.loads(lines[1].removeprefix("data: "))["message"]
                return int(lines[0].removeprefix("id: ")), message
        return None

    async def rest(self):
        events = []
        while event := await self.next():
            events.append(event)
        return events


@pytest.fixture
async def task():
    return await sync_to_async(TaskFactory)(status=Status.RUNNING)


@pytest.fixture
def silence(monkeypatch):
    """Lose every ring."""
    monkeypatch.setattr(doorbell, "_publish", lambda *arguments: None)


async def test_a_late_reader_gets_the_log_from_its_start(task):
    await log(task, "one", "two")
    await end(task)
    assert await Reader(task).rest() == [(1, "one"), (2, "two"), (3, "Completed.")]


async def test_an_event_is_the_same_lines_to_readers_that_split_as_unicode_does(task):
    said = "one\x85two\u2028three\u2029four"
    await log(task, said)
    await end(task)
    assert await Reader(task).rest() == [(1, said), (2, "Completed.")]


async def test_unfinished_text_is_one_line_too(task):
    reader = Reader(task)
    said = "one\x85two\u2028three\u2029four"
    events = aiter(reader.stream)
    await anext(events)
    waiting = asyncio.create_task(anext(events))
    while not waiting.done():  # what comes before it listens is lost
        await sync_to_async(doorbell.show_partial)(task.pk, said)
        await asyncio.wait({waiting}, timeout=0.05)
    name, data = (await waiting).decode().splitlines()[:2]
    assert name == "event: partial"
    assert json.loads(data.removeprefix("data: ")) == {"text": said}
    await reader.stream.aclose()


async def test_a_reader_that_comes_back_gets_what_it_has_not_seen(task):
    await log(task, "one", "two")
    await end(task)
    assert await Reader(task, after=2).rest() == [(3, "Completed.")]


async def test_a_waiting_reader_gets_entries_as_they_are_committed(task):
    reader = Reader(task)
    await log(task, "one")
    assert await reader.next() == (1, "one")
    waiting = asyncio.create_task(reader.next())
    await asyncio.sleep(0)
    await log(task, "two")
    assert await waiting == (2, "two")
    await end(task)
    assert await reader.rest() == [(3, "Completed.")]


async def test_lost_rings_cost_a_wait_but_no_entry(task, silence, monkeypatch):
    monkeypatch.setattr(streams, "POLL_SECONDS", 0.05)
    reader = Reader(task)
    await log(task, "one")
    assert await reader.next() == (1, "one")
    waiting = asyncio.create_task(reader.rest())
    await asyncio.sleep(0.1)
    await log(task, "two", "three")
    await end(task)
    assert await waiting == [(2, "two"), (3, "three"), (4, "Completed.")]


async def test_doubled_and_disordered_rings_change_nothing(task):
    reader = Reader(task)
    await log(task, "one")
    assert await reader.next() == (1, "one")
    waiting = asyncio.create_task(reader.rest())
    await asyncio.sleep(0.05)
    for sequence in (1, 9, 2, 1):
        doorbell.ring_readers(task.pk, [(sequence, "{}")] if sequence == 1 else [])
    await log(task, "two")
    await end(task)
    assert await waiting == [(2, "two"), (3, "Completed.")]


async def test_a_burst_that_overflows_the_queue_is_read_from_the_table(task):
    reader = Reader(task)
    await log(task, "0")
    await reader.next()
    for number in range(1, 50):
        await log(task, str(number))
    await end(task)
    messages = [message for _, message in await reader.rest()]
    assert messages == [str(number) for number in range(1, 50)] + ["Completed."]


async def test_a_long_log_is_read_page_by_page(task, monkeypatch):
    monkeypatch.setattr(streams, "PAGE", 10)
    await log(task, *[str(number) for number in range(35)])
    await end(task)
    assert [sequence for sequence, _ in await Reader(task).rest()] == list(range(1, 37))


async def test_unfinished_text_goes_by_under_a_name_of_its_own(task):
    stream = streams.follow_log(task.pk, 0)
    await anext(stream)
    waiting = asyncio.ensure_future(anext(stream))
    await asyncio.sleep(0.1)
    doorbell.show_partial(task.pk, "Once upon")
    assert await waiting == b'event: partial\ndata: {"text":"Once upon"}\n\n'
    await stream.aclose()


async def test_the_stream_of_a_deleted_task_ends(task):
    reader = Reader(task)
    await log(task, "one")
    await reader.next()
    waiting = asyncio.create_task(reader.rest())
    await asyncio.sleep(0.05)
    await sync_to_async(Task.objects.all().delete)()
    doorbell.ring_readers(task.pk, [])
    assert await waiting == []


async def test_an_idle_stream_sends_a_comment_now_and_then(task, monkeypatch):
    monkeypatch.setattr(streams, "HEARTBEAT_SECONDS", 0.05)
    stream = streams.follow_log(task.pk, 0)
    await anext(stream)
    assert await anext(stream) == b": keepalive\n\n"
    await stream.aclose()


async def test_readers_leave_nothing_behind(task):
    manager = streams.get_listener_manager()
    stream = streams.follow_log(task.pk, 0)
    await anext(stream)
    assert doorbell.log_channel(task.pk) in manager.listeners_by_channel
    await stream.aclose()
    assert doorbell.log_channel(task.pk) not in manager.listeners_by_channel


def test_sequences_have_no_gap(db):
    task = TaskFactory()
    for _ in range(5):
        LogEntryFactory(task=task)
    assert list(task.log.values_list("sequence", flat=True)) == [1, 2, 3, 4, 5]
